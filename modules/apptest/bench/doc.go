// Package bench measures the whole application on one machine, as ratios: submissions and decisions through HTTP
// against pgbench running the same statements on the same PostgreSQL, pages and API requests against the plainest
// server that answers the same bytes. All sides run in one process run, warm, in interleaved rounds; what counts is the
// median of the rounds' ratios, never a figure of another run. `make bench` runs it; BENCHMARKS.md keeps the last table.
//
// Nothing here is written down twice: the statements are taken from the server's own log of a real request, so the
// comparison follows the code.
package bench
