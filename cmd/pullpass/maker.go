package main

import (
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// makerSaid says who made something, and what has become of them: it stays when its
// maker goes.
func makerSaid(m api.Maker) string {
	switch m.State {
	case pullpass.MakerExpiring:
		return m.ID + ", which expires " + day(m.Expires)
	case pullpass.MakerExpired:
		return m.ID + ", which expired " + day(m.Expires)
	case pullpass.MakerGone:
		return m.ID + ", which is gone: a deleted token or a former member"
	case pullpass.MakerActive:
		return m.ID
	case pullpass.MakerUnknown:
	}
	return "not known: by an older version, or its record was pruned"
}

// makerShort is makerSaid for a column; empty for makers that are there to stay.
func makerShort(m api.Maker) string {
	switch m.State {
	case pullpass.MakerExpiring:
		return "token until " + m.Expires.UTC().Format(time.DateOnly)
	case pullpass.MakerExpired:
		return "expired token"
	case pullpass.MakerGone:
		return "gone"
	case pullpass.MakerActive, pullpass.MakerUnknown:
	}
	return ""
}

// makerColumn is a column that a list has where there is something to see in it.
type makerColumn[T any] struct {
	shown bool
	of    func(T) api.Maker
}

func newMakerColumn[T any](list []T, of func(T) api.Maker) makerColumn[T] {
	c := makerColumn[T]{of: of}
	for _, item := range list {
		c.shown = c.shown || makerShort(of(item)) != ""
	}
	return c
}

func (c makerColumn[T]) head(columns []string) []string {
	if c.shown {
		return append(columns, "MADE BY")
	}
	return columns
}

func (c makerColumn[T]) row(cells []string, item T) []string {
	if c.shown {
		return append(cells, makerShort(c.of(item)))
	}
	return cells
}
