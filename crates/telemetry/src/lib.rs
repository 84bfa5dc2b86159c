//! Metrics: scrape, store, PromQL.
