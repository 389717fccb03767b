package main

import (
	"errors"
	"iter"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/nearest"
)

// orNearest is err with a hint where a name is unknown: the nearest name in the list.
func orNearest[T any](err error, name, listing string, list iter.Seq2[T, error], nameOf func(T) string) error {
	if !pullpass.IsKind(err, pullpass.NotFound) {
		return err
	}
	var names []string
	for item, failed := range list {
		if failed != nil { // the first error says more than that there is no list
			break
		}
		names = append(names, nameOf(item))
	}
	return withNearest(err, name, names, listing)
}

// withNearest is orNearest for names that are known already. listing is the command
// that shows all.
func withNearest(err error, name string, names []string, listing string) error {
	var missing *pullpass.Error
	if !errors.As(err, &missing) {
		return err
	}
	said := *missing
	said.Hint = "see which there are: " + listing
	if near := nearest.Word(name, names); near != "" {
		said.Hint = "did you mean " + near + "? All of them: " + listing
	}
	return &said
}

// usersNamed is err with what keeps a thing from going, by name.
func usersNamed(err error, users []string) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind != pullpass.Conflict || len(users) == 0 {
		return err
	}
	said := *e
	said.Cause = "still in use: " + strings.Join(users, "; ")
	said.Hint = "delete these first"
	return &said
}
