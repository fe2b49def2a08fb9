module wickr.dev/e2e/prometheus-operator

go 1.26.0

// Nothing is built of it: its definitions are what the chart's objects are checked against. v0.85.0 is the newest that
// the Go module proxy serves.
require github.com/prometheus-operator/prometheus-operator v0.85.0
