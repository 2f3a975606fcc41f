//! Who is ahead, as far as the noise lets one say.

use super::format;
use super::results::{Case, Kind, Run, Spread};

/// How readywire stands to its best peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Ahead,
    /// Nobody's interval is clear of one.
    Level,
    Behind,
}

/// A verdict, and what it rests on.
pub(super) struct Judged<'a> {
    pub(super) verdict: Verdict,
    /// The best peer's name.
    pub(super) peer: &'a str,
    /// The best peer's ratio to readywire.
    ratio: Spread,
}

/// Compares readywire with the peer that did best; nothing for figures, which are facts to be judged one
/// by one, and without peers.
///
/// A peer is ahead only where all of its interval lies below one.
pub(super) fn judge(case: &Case) -> Option<Judged<'_>> {
    if case.kind == Kind::Figure {
        return None;
    }
    let rivals = case
        .peers()
        .filter_map(|peer| Some((&*peer.name, peer.to_readywire?)))
        .filter(|(_, ratio)| ratio.median > 0.0);
    compare(rivals.collect())
}

/// Compares readywire with each peer over all cases of a group that both take part in: by the geometric
/// mean of the ratios, in which every case counts the same.
pub(super) fn judge_group<'a>(run: &'a Run, group: &'a str) -> Option<Judged<'a>> {
    let mut ratios: Vec<(&str, Vec<Spread>)> = Vec::new();
    for case in run.group(group).filter(|case| case.kind != Kind::Figure) {
        for peer in case.peers() {
            let Some(ratio) = peer.to_readywire.filter(|ratio| ratio.low > 0.0) else {
                continue;
            };
            match ratios.iter_mut().find(|(name, _)| *name == peer.name) {
                Some((_, known)) => known.push(ratio),
                None => ratios.push((&peer.name, vec![ratio])),
            }
        }
    }
    let rivals = ratios.iter().map(|(name, ratios)| (*name, mean(ratios)));
    compare(rivals.collect())
}

/// The geometric mean; the intervals are of runs that do not depend on each other, so that their widths
/// add up as squares.
fn mean(ratios: &[Spread]) -> Spread {
    let count = ratios.len() as f64;
    let log_mean = ratios.iter().map(|ratio| ratio.median.ln()).sum::<f64>() / count;
    let width = |half: fn(&Spread) -> f64| {
        let squares: f64 = ratios.iter().map(|ratio| half(ratio).powi(2)).sum();
        squares.sqrt() / count
    };
    let below = width(|ratio| (ratio.median / ratio.low).ln());
    let above = width(|ratio| (ratio.high / ratio.median).ln());
    Spread {
        median: log_mean.exp(),
        low: (log_mean - below).exp(),
        high: (log_mean + above).exp(),
    }
}

/// Judges by the peers' ratios to readywire.
fn compare(rivals: Vec<(&str, Spread)>) -> Option<Judged<'_>> {
    let best = |rivals: &[(&str, Spread)]| {
        let medians = rivals.iter().map(|(_, ratio)| ratio.median).enumerate();
        medians
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(at, _)| at)
    };
    // The best median may be the least sure one: whoever is ahead comes first.
    let ahead: Vec<_> = rivals
        .iter()
        .filter(|(_, ratio)| ratio.high < 1.0)
        .copied()
        .collect();
    let (peer, ratio) = match best(&ahead) {
        Some(at) => ahead[at],
        None => rivals[best(&rivals)?],
    };
    let verdict = if ratio.high < 1.0 {
        Verdict::Behind
    } else if rivals.iter().all(|(_, ratio)| ratio.low > 1.0) {
        Verdict::Ahead
    } else {
        Verdict::Level
    };
    Some(Judged {
        verdict,
        peer,
        ratio,
    })
}

impl Judged<'_> {
    /// `ahead of mio 1 by 3.1 % (2.6 to 3.6)`: how much more or less time the peer takes, with the interval.
    pub(super) fn describe(&self) -> String {
        let Judged {
            verdict,
            peer,
            ratio: Spread { median, low, high },
        } = *self;
        let [low, middle, high] =
            [low, median, high].map(|ratio| format!("{:.1}", (ratio - 1.0) * 100.0));
        match verdict {
            Verdict::Level => format!("level with {peer} ({low} to {high} %)"),
            Verdict::Ahead if median >= 2.0 => {
                format!("ahead of {peer}, {} times", format::ratio(median))
            }
            Verdict::Ahead => format!("ahead of {peer} by {middle} % ({low} to {high})"),
            Verdict::Behind => {
                let [low, middle, high] = [high, middle, low].map(|one| one.replace('-', ""));
                format!("**behind {peer} by {middle} % ({low} to {high})**")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::fixture::{self, case};
    use super::*;

    #[track_caller]
    fn assert_judged(noise: f64, values: &[(&str, f64)], verdict: Verdict, said: &str) {
        let case = case("dispatch", "64", noise, values);
        let judged = judge(&case).expect("there are peers");
        assert_eq!(judged.verdict, verdict);
        assert_eq!(judged.describe(), said);
    }

    #[test]
    fn a_peer_is_ahead_only_by_more_than_the_noise() {
        let values = [
            ("raw", 90.0),
            ("readywire", 100.0),
            ("mio 1", 98.0),
            ("polling", 300.0),
        ];
        assert_judged(
            0.03,
            &values,
            Verdict::Level,
            "level with mio 1 (-4.9 to 0.9 %)",
        );
        let behind = "**behind mio 1 by 2.0 % (1.0 to 3.0)**";
        assert_judged(0.01, &values, Verdict::Behind, behind);
    }

    #[test]
    fn the_best_peer_is_the_one_to_be_ahead_of() {
        let values = [("readywire", 100.0), ("polling", 300.0), ("mio 1", 110.0)];
        let ahead = "ahead of mio 1 by 10.0 % (8.9 to 11.1)";
        assert_judged(0.01, &values, Verdict::Ahead, ahead);
        let values = [("readywire", 100.0), ("mio 1", 25_000.0)];
        assert_judged(0.01, &values, Verdict::Ahead, "ahead of mio 1, 250 times");
    }

    #[test]
    fn a_sure_lead_is_not_hidden_by_an_unsure_one() {
        let values = [("readywire", 100.0), ("mio 1", 95.0), ("polling", 90.0)];
        let mut case = case("round", "1", 0.02, &values);
        let unsure = case.contestants[2].to_readywire.as_mut().expect("a ratio");
        unsure.high = 1.1;
        let judged = judge(&case).expect("there are peers");
        assert_eq!((judged.peer, judged.verdict), ("mio 1", Verdict::Behind));
    }

    #[test]
    fn every_case_of_a_group_counts_the_same() {
        let values =
            |mio: f64, polling: f64| [("readywire", 100.0), ("mio 1", mio), ("polling", polling)];
        let run = fixture::run(vec![
            case("round", "few", 0.03, &values(90.0, 400.0)),
            case("round", "many", 0.04, &values(160.0, 400.0)),
            case("wake", "one", 0.01, &values(10.0, 10.0)),
        ]);
        let judged = judge_group(&run, "round").expect("there are peers");
        // The mean of 0.9 and 1.6, and half of the square root of 0.03² + 0.04².
        let ahead = "ahead of mio 1 by 20.0 % (17.0 to 23.0)";
        assert_eq!(
            (judged.verdict, &*judged.describe()),
            (Verdict::Ahead, ahead)
        );
    }

    #[test]
    fn neither_figures_nor_cases_without_peers_are_judged() {
        let mut figure = case("scale", "a", 0.0, &[("readywire", 9.0), ("mio 1", 1.0)]);
        figure.kind = Kind::Figure;
        assert!(judge(&figure).is_none());
        assert!(judge(&case("a", "b", 0.0, &[("raw", 1.0), ("readywire", 1.0)])).is_none());
    }
}
