//! The text format of Prometheus, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::{self, Display, Write};

use foundation_env::fault;

use super::{MetricKind, MetricSnapshot, SeriesValue};

/// Writes all metrics.
pub(super) fn render(metrics: &[MetricSnapshot]) -> String {
    let mut text = String::new();
    for metric in metrics {
        // Writing to a text does not fail.
        write_metric(&mut text, metric).unwrap_or_default();
    }
    text
}

fn write_metric(text: &mut String, metric: &MetricSnapshot) -> fmt::Result {
    let MetricSnapshot { name, kind, help, .. } = metric;
    let kind = match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "summary",
    };
    writeln!(text, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"))?;
    writeln!(text, "# TYPE {name} {kind}")?;
    for series in &metric.series {
        let labels = Labels { names: &metric.labels, values: &series.labels, quantile: None };
        match &series.value {
            SeriesValue::Counter(count) => writeln!(text, "{name}{labels} {count}")?,
            SeriesValue::Gauge(value) => writeln!(text, "{name}{labels} {}", Number(*value))?,
            SeriesValue::Histogram { total, windows } => {
                let [minute, ..] = &**windows;
                let quantiles = [
                    ("0.5", minute.p50),
                    ("0.9", minute.p90),
                    ("0.95", minute.p95),
                    ("0.99", minute.p99),
                    ("0.999", minute.p999),
                ];
                for (quantile, value) in quantiles {
                    let labels = Labels { quantile: Some(quantile), ..labels };
                    if minute.count == 0 {
                        writeln!(text, "{name}{labels} NaN")?;
                    } else {
                        writeln!(text, "{name}{labels} {value}")?;
                    }
                }
                writeln!(text, "{name}_sum{labels} {}", total.sum)?;
                writeln!(text, "{name}_count{labels} {}", total.count)?;
            }
        }
    }
    Ok(())
}

/// A number as Prometheus reads it.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

#[derive(Clone, Copy)]
struct Labels<'a> {
    names: &'a [&'static str],
    values: &'a [String],
    quantile: Option<&'static str>,
}

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantile = self.quantile.map(|quantile| ("quantile", quantile));
        let pairs = self.names.iter().copied().zip(self.values.iter().map(String::as_str));
        let mut before = '{';
        for (name, value) in pairs.chain(quantile) {
            write!(f, "{before}{name}=\"{}\"", Escaped(value))?;
            before = ',';
        }
        if before == ',' { f.write_char('}') } else { Ok(()) }
    }
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if fault::planted("label_unescaped") {
            return f.write_str(self.0);
        }
        self.0.chars().try_for_each(|char| match char {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}
