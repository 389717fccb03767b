package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
)

// where collects conditions that are in the query only if they narrow it: the
// planner then sees the index that each combination needs.
type where struct {
	text strings.Builder
	args []any
}

// and adds a condition whose parameter stands at its end: "runner = ".
func (w *where) and(condition string, arg any) {
	w.args = append(w.args, arg)
	w.fixed(condition + "$" + strconv.Itoa(len(w.args)))
}

// either adds two conditions on one argument, one of which must hold.
func (w *where) either(one, other string, arg any) {
	w.args = append(w.args, arg)
	number := "$" + strconv.Itoa(len(w.args))
	w.fixed("(" + one + number + " OR " + other + number + ")")
}

// fixed adds a condition without a parameter.
func (w *where) fixed(condition string) {
	if w.text.Len() == 0 {
		w.text.WriteString(" WHERE ")
	} else {
		w.text.WriteString(" AND ")
	}
	w.text.WriteString(condition)
}

// page ends the query with the order and one row more than the page has, which
// tells whether there is a next one.
func (w *where) page(order string, size int) string {
	return fmt.Sprintf("%s ORDER BY %s LIMIT %d", w.text.String(), order, size+1)
}

// asJSON is a column that is read and written whole, as JSON.
type asJSON struct{ v any }

// Value encodes the column.
func (j asJSON) Value() (driver.Value, error) {
	b, err := json.Marshal(j.v)
	return string(b), err
}

// Scan decodes the column into what v points to. What does not decode was not
// written by us, and is not repeated.
func (j asJSON) Scan(src any) error {
	text, ok := src.(string)
	if !ok || json.Unmarshal([]byte(text), j.v) != nil {
		return fmt.Errorf("a column that should hold JSON of %T does not", j.v)
	}
	return nil
}

// jsonText is v as an asJSON column holds it.
func jsonText(v any) string {
	b, _ := json.Marshal(v) // of our own types, which encode
	return string(b)
}

// idList reads a set of ids as string_agg gives it.
func idList[T ~string](joined string) []T {
	if joined == "" {
		return nil
	}
	var ids []T
	for id := range strings.SplitSeq(joined, ",") {
		ids = append(ids, T(id))
	}
	slices.Sort(ids)
	return ids
}

func distinct[T ~string](ids []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}

// nullable is NULL for the empty string: an optional reference.
func nullable[T ~string](id T) any {
	if id == "" {
		return nil
	}
	return string(id)
}

func checkName(what, name string) error {
	if pullpass.ValidName(name) {
		return nil
	}
	return errInvalid(what, "the name does not have the right form",
		"use 1 to 127 letters, digits, dots, underscores and hyphens, and begin with a letter or digit")
}
