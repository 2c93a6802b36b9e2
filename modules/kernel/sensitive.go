package kernel

import (
	"fmt"
	"log/slog"
)

// Sensitive holds personal data that must not reach a log, a metric or an error text: every way of
// printing it prints a placeholder. Value is the only way in.
type Sensitive[T any] struct{ v T }

func NewSensitive[T any](v T) Sensitive[T] { return Sensitive[T]{v} }

// Value returns what is inside; call it where the value is shown to somebody with a right to see it.
func (s Sensitive[T]) Value() T { return s.v }

func (s Sensitive[T]) Format(f fmt.State, _ rune)   { fmt.Fprint(f, "[sensitive]") }
func (s Sensitive[T]) LogValue() slog.Value         { return slog.StringValue("[sensitive]") }
func (s Sensitive[T]) MarshalText() ([]byte, error) { return []byte("[sensitive]"), nil }
