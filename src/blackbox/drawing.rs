//! What happened in a show, as a picture: lateness by port over time, the tempo, and what was done as marks.
//!
//! A long show has more messages than a picture has room: each port has a line of the latest of each column and a thin one
//! of half of them, from the meters' histograms. Lateness is drawn by its logarithm, so that 100 ns and 10 ms are both seen.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::reader::{Found, Log};
use super::record::Record;
use super::report::{Event, Report, extent};
use crate::engine::program::MAX_PORTS;
use crate::link::Histogram;
use crate::time::Nanos;

const SIZE: (u32, u32) = (1_400, 800);
/// How much of it is the upper picture, in pixels.
const UPPER: u32 = 500;
/// How many columns lateness is gathered in.
const COLUMNS: usize = 240;
/// How many marks are drawn: more would hide what is behind them.
const MARKS: usize = 80;
/// The least and the most lateness that is drawn, in microseconds.
const LATENESS: (f64, f64) = (0.1, 100_000.0);

/// The colours of the ports, which those who see few colours can tell apart too (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Lateness and tempo by time.
struct Columns {
    ports: Vec<(String, Vec<Histogram>)>,
    /// Seconds, and quarter notes a minute.
    tempo: Vec<(f64, f64)>,
    length: f64,
}

/// Draws the show of `log`, of which `report` tells, as SVG.
///
/// # Errors
///
/// When that fails; why, in words.
pub fn draw(log: &Log, report: &Report) -> Result<String, String> {
    let columns = gather(log, report);
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    paint(&area, &columns, report).map_err(|error| error.to_string())?;
    drop(area);
    Ok(svg)
}

fn gather(log: &Log, report: &Report) -> Columns {
    let extent = extent(log);
    let length = report.length_s.max(0.001);
    let mut slots: [Option<Vec<Histogram>>; MAX_PORTS] = std::array::from_fn(|_| None);
    let mut names = Vec::new();
    let mut tempo = Vec::new();
    let seconds = |at: Nanos| at.since(extent.from).0 as f64 / 1e9;
    for found in log.read() {
        match found {
            Found::Record(Record::Names(known)) => names = known.ports,
            Found::Record(Record::Meters(meters)) => {
                tempo.extend(meters.tempo().map(|bpm| (seconds(Nanos(meters.at)), bpm)))
            }
            Found::Record(Record::Made(sent)) if sent.fate.was_tried() => {
                let Some(slot) = slots.get_mut(usize::from(sent.port.0)) else { continue };
                let columns = slot.get_or_insert_with(|| (0..COLUMNS).map(|_| Histogram::default()).collect());
                let column = (seconds(sent.due) / length * COLUMNS as f64).max(0.0) as usize;
                columns[column.min(COLUMNS - 1)].record(super::replay::lateness(&sent));
            }
            Found::Record(_) | Found::Damage(_) => {}
        }
    }
    let ports = (0..).zip(slots).filter_map(|(slot, columns)| Some((super::describe::name(&names, slot), columns?)));
    let ports = ports.collect();
    // As many points as there is room for.
    let step = tempo.len() / 2_000 + 1;
    Columns { ports, tempo: tempo.into_iter().step_by(step).collect(), length }
}

type Painted<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn paint<'a>(area: &DrawingArea<SVGBackend<'a>, Shift>, columns: &Columns, report: &Report) -> Painted<'a> {
    area.fill(&WHITE)?;
    let (upper, lower) = area.split_vertically(UPPER);
    paint_lateness(&upper, columns, report)?;
    paint_tempo(&lower, columns)?;
    area.present()
}

fn paint_lateness<'a>(area: &DrawingArea<SVGBackend<'a>, Shift>, columns: &Columns, report: &Report) -> Painted<'a> {
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}: lateness", report.set), ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..columns.length, (LATENESS.0..LATENESS.1).log_scale())?;
    let lateness = |us: &f64| if *us < 1_000.0 { format!("{us} us") } else { format!("{} ms", us / 1_000.0) };
    chart
        .configure_mesh()
        .x_label_formatter(&|at| clock(*at))
        .y_label_formatter(&lateness)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, event) in report.events.iter().filter(|event| is_mark(event)).take(MARKS).enumerate() {
        let colour = if event.wrong { RED } else { RGBColor(150, 150, 150) };
        let line = [(event.at_s, LATENESS.0), (event.at_s, LATENESS.1)];
        chart.draw_series(std::iter::once(PathElement::new(line, colour.mix(0.6))))?;
        // In rows, so that neighbours can be read.
        let height = LATENESS.1 / 1.6f64.powi(index as i32 % 8 + 1);
        let text: String = event.what.chars().take(28).collect();
        chart.draw_series(std::iter::once(Text::new(
            text,
            (event.at_s, height),
            ("sans-serif", 11).into_font().color(&colour),
        )))?;
    }
    for ((name, port), colour) in columns.ports.iter().zip(COLOURS.iter().cycle()) {
        let at = |column: usize| (column as f64 + 0.5) / COLUMNS as f64 * columns.length;
        let measured = || port.iter().map(Histogram::percentiles).enumerate().filter(|(_, of)| of.count > 0);
        let drawn = |nanos: i64| (nanos as f64 / 1e3).clamp(LATENESS.0, LATENESS.1);
        let half = measured().map(|(column, of)| (at(column), drawn(of.p50.0)));
        chart.draw_series(LineSeries::new(half, colour.mix(0.4)))?;
        let latest = measured().map(|(column, of)| (at(column), drawn(of.max.0)));
        let series = chart.draw_series(LineSeries::new(latest, colour.stroke_width(2)))?;
        series
            .label(format!("{name}: latest, and half"))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], *colour));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()
}

fn paint_tempo<'a>(area: &DrawingArea<SVGBackend<'a>, Shift>, columns: &Columns) -> Painted<'a> {
    let values = || columns.tempo.iter().map(|(_, bpm)| *bpm);
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
    let (low, high) = if low <= high { (low - 1.0, high + 1.0) } else { (119.0, 121.0) };
    let mut chart = ChartBuilder::on(area)
        .caption("tempo, BPM", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..columns.length, low..high)?;
    chart.configure_mesh().x_label_formatter(&|at| clock(*at)).light_line_style(TRANSPARENT).draw()?;
    chart.draw_series(LineSeries::new(columns.tempo.iter().copied(), COLOURS[0].stroke_width(2)))?;
    Ok(())
}

fn is_mark(event: &Event) -> bool {
    !event.what.starts_with("cc ") && !event.what.starts_with("tap")
}

/// Seconds as `1:02:03`, without hours where there are none.
#[must_use]
pub fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
