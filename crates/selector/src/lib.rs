//! Poll, Events and Evented: readiness of many sources over epoll, kqueue, poll(2) and AFD.
