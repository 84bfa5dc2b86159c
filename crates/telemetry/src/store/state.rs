//! The maps behind the store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::chunk::Chunk;
use super::{Error, Limits, Point};
use crate::exposition::Metadata;
use crate::labels::Labels;
use crate::matcher::Matcher;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) metrics: BTreeMap<Arc<str>, BTreeMap<Labels, Row>>,
    pub(super) metadata: BTreeMap<String, Metadata>,
    pub(super) series: usize,
    pub(super) samples: usize,
}

#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) chunks: VecDeque<Chunk>,
}

impl State {
    pub(super) fn append(
        &mut self,
        labels: &Labels,
        point: Point,
        limits: &Limits,
    ) -> Result<(), Error> {
        if !self.metrics.contains_key(labels.metric()) {
            self.metrics.insert(labels.metric().into(), BTreeMap::new());
        }
        let Some(rows) = self.metrics.get_mut(labels.metric()) else {
            return Ok(());
        };
        if let Some(row) = rows.get_mut(labels) {
            let taken = row.append(labels, point)?;
            self.samples += usize::from(taken);
            return Ok(());
        }
        if self.series >= limits.series {
            return Err(Error::TooManySeries {
                labels: labels.clone(),
                limit: limits.series,
            });
        }
        let mut row = Row::default();
        row.append(labels, point)?;
        rows.insert(labels.clone(), row);
        self.series += 1;
        self.samples += 1;
        Ok(())
    }

    pub(super) fn drop_before(&mut self, cutoff: i64) {
        let (mut series, mut samples) = (0, 0);
        self.metrics.retain(|_, rows| {
            rows.retain(|_, row| {
                while row
                    .chunks
                    .front()
                    .is_some_and(|chunk| chunk.last().time < cutoff)
                {
                    row.chunks.pop_front();
                }
                samples += row.chunks.iter().map(Chunk::len).sum::<usize>();
                series += usize::from(!row.chunks.is_empty());
                !row.chunks.is_empty()
            });
            !rows.is_empty()
        });
        self.series = series;
        self.samples = samples;
    }

    pub(super) fn matching<'s>(
        &'s self,
        matchers: &'s [Matcher],
    ) -> Box<dyn Iterator<Item = (&'s Labels, &'s Row)> + 's> {
        let holds =
            |(labels, _): &(&Labels, &Row)| matchers.iter().all(|matcher| matcher.holds(labels));
        match matchers.iter().find_map(Matcher::exact_metric) {
            Some(metric) => Box::new(self.metrics.get(metric).into_iter().flatten().filter(holds)),
            None => Box::new(self.metrics.values().flatten().filter(holds)),
        }
    }
}

impl Row {
    pub(super) fn append(&mut self, labels: &Labels, point: Point) -> Result<bool, Error> {
        if let Some(chunk) = self.chunks.back_mut() {
            let last = chunk.last();
            if point.time == last.time {
                let same = point.value.to_bits() == last.value.to_bits();
                return if same {
                    Ok(false)
                } else {
                    Err(Error::Duplicate {
                        labels: labels.clone(),
                        time: point.time,
                    })
                };
            }
            if point.time < last.time {
                return Err(Error::OutOfOrder {
                    labels: labels.clone(),
                    time: point.time,
                    last: last.time,
                });
            }
            if chunk.push(point) {
                return Ok(true);
            }
        }
        self.chunks.push_back(Chunk::new(point));
        Ok(true)
    }

    pub(super) fn touches(&self, from: i64, to: i64) -> bool {
        self.chunks
            .iter()
            .any(|chunk| chunk.first().time <= to && chunk.last().time >= from)
    }

    pub(super) fn points(&self, from: i64, to: i64) -> Vec<Point> {
        let chunks = self
            .chunks
            .iter()
            .filter(|chunk| chunk.first().time <= to && chunk.last().time >= from);
        let points = chunks.flat_map(Chunk::iter);
        points
            .filter(|point| point.time >= from && point.time <= to)
            .collect()
    }
}
