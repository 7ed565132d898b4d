//! A ranking as one page: text, a table, and drawings that need nothing from elsewhere.

use std::fmt::Write as _;

use super::print::{cardinality, noise_in_words};
use super::ranking::{Feature, Ranking};
use crate::cli::table::rounded;

/// Bars that are drawn; the table has all columns.
const BARS: usize = 60;
const BAR: f64 = 18.0;
const LABELS: f64 = 220.0;
const WIDTH: f64 = 560.0;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}\
table{border-collapse:collapse}td,th{padding:.2em .7em;text-align:left;border-bottom:1px solid #ddd}\
td.n{text-align:right;font-variant-numeric:tabular-nums}svg text{font:12px system-ui,sans-serif}.no{color:#777}";

pub fn page(ranking: &Ranking) -> String {
    let title = format!("What tells about {}", ranking.target.name);
    let kept = ranking.features.iter().filter(|feature| feature.keep).count();
    let summary = format!(
        "{} rows of {}. {} of {} columns are worth keeping. {}: a column that scores no more may be noise.",
        ranking.source.rows,
        ranking.source.data,
        kept,
        ranking.features.len(),
        capital(&noise_in_words(ranking)),
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style></head>\
        <body><h1>{0}</h1><p>{1}</p><h2>Scores ({2})</h2>{3}<h2>Noise</h2>{4}<h2>All columns</h2>{5}</body></html>\n",
        escaped(&title),
        escaped(&summary),
        ranking.statistic_name(),
        bars(ranking),
        histogram(&ranking.noise.scores),
        table(&ranking.features)
    )
}

fn bars(ranking: &Ranking) -> String {
    let shown = &ranking.features[..ranking.features.len().min(BARS)];
    let most =
        shown.iter().map(|feature| feature.score).fold(ranking.noise.best, f64::max).max(f64::MIN_POSITIVE);
    let wide = |score: f64| (score / most).clamp(0.0, 1.0) * WIDTH;
    let height = shown.len() as f64 * BAR;
    let mut svg = open(LABELS + WIDTH + 80.0, height + 20.0, "Bars: the score of each column");
    for (number, feature) in shown.iter().enumerate() {
        let (y, color) = (number as f64 * BAR, if feature.keep { "#2a6fb0" } else { "#bbb" });
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}{}</text>\
            <rect x=\"{LABELS}\" y=\"{:.0}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{color}\"/>\
            <text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
            LABELS - 6.0,
            y + 13.0,
            escaped(&shortened(&feature.name)),
            if feature.keep { " ✓" } else { "" },
            y + 2.0,
            wide(feature.score),
            BAR - 4.0,
            LABELS + wide(feature.score) + 5.0,
            y + 13.0,
            rounded(feature.score)
        );
    }
    let line = LABELS + wide(ranking.noise.best);
    let _ = write!(
        svg,
        "<line x1=\"{line:.1}\" x2=\"{line:.1}\" y1=\"0\" y2=\"{height:.0}\" stroke=\"#c33\" stroke-dasharray=\"4 3\"/>\
        <text x=\"{line:.1}\" y=\"{:.0}\" fill=\"#c33\">best noise</text></svg>",
        height + 14.0
    );
    svg
}

/// How often noise scores how much.
fn histogram(scores: &[f64]) -> String {
    const BINS: usize = 40;
    let (low, high) = scores.iter().fold((f64::MAX, f64::MIN), |(low, high), s| (low.min(*s), high.max(*s)));
    let mut counts = [0usize; BINS];
    for score in scores {
        let place = (score - low) / (high - low).max(f64::MIN_POSITIVE) * BINS as f64;
        counts[(place as usize).min(BINS - 1)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(1).max(1) as f64;
    let mut svg = open(WIDTH, 120.0, "Histogram: the scores of the columns of noise");
    for (place, count) in counts.iter().enumerate() {
        let (wide, high) = (WIDTH / BINS as f64, *count as f64 / most * 90.0);
        let (x, y) = (place as f64 * wide, 95.0 - high);
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{high:.1}\" fill=\"#bbb\"/>",
            wide - 1.0
        );
    }
    let _ = write!(
        svg,
        "<text x=\"0\" y=\"112\">{}</text><text x=\"{WIDTH}\" y=\"112\" text-anchor=\"end\">{}</text></svg>",
        rounded(low),
        rounded(high)
    );
    svg
}

fn open(width: f64, height: f64, label: &str) -> String {
    format!("<svg role=\"img\" aria-label=\"{label}\" width=\"{width:.0}\" height=\"{height:.0}\">")
}

fn table(features: &[Feature]) -> String {
    let mut html = String::from("<table><tr>");
    for name in ["column", "type", "score", "z", "q", "values", "known", "notes"] {
        let _ = write!(html, "<th>{name}</th>");
    }
    html += "</tr>";
    for feature in features {
        let _ = write!(
            html,
            "<tr{}><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1}</td><td class=\"n\">{:.1e}</td>\
            <td class=\"n\">{}</td><td class=\"n\">{:.1} %</td><td>{}</td></tr>",
            if feature.keep { "" } else { " class=\"no\"" },
            escaped(&feature.name),
            feature.kind,
            rounded(feature.score),
            feature.relevance.z,
            feature.q,
            cardinality(feature),
            100.0 * feature.coverage,
            escaped(&feature.notes.join("; "))
        );
    }
    html + "</table>"
}

fn shortened(name: &str) -> String {
    const SHOWN: usize = 28;
    let head: String = name.chars().take(SHOWN).collect();
    if head.len() < name.len() { format!("{head}…") } else { head }
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn escaped(text: &str) -> String {
    let plain = crate::cli::plain::plain(text);
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_the_page() {
        assert_eq!(escaped("<script>&\"\u{1b}"), "&lt;script&gt;&amp;&quot;\u{fffd}");
    }
}
