package iam

import (
	"bytes"
	"net/netip"
	"strings"
	"time"
)

// condition is a compiled Condition: one operator, one key, its values.
type condition struct {
	operator Operator
	key      string
	values   []operand
}

// operand is one value of a condition, read ahead as its operator reads it.
// One that cannot be read is not ok, and equals nothing.
type operand struct {
	ok     bool
	text   pattern
	arn    *arnPattern
	number decimal
	date   time.Time
	dated  bool
	truth  bool
	prefix netip.Prefix
	binary []byte
}

func compileCondition(c Condition, variables bool) condition {
	compiled := condition{operator: c.Operator, key: c.Key.Text, values: make([]operand, len(c.Values))}
	for i, v := range c.Values {
		compiled.values[i] = compileOperand(c.Operator, v.Text, variables)
	}
	return compiled
}

func compileOperand(o Operator, text string, variables bool) operand {
	v := operand{ok: true}
	switch o.Family {
	case StringFamily:
		v.text = compilePattern(text, patternOptions{wildcards: o.comparison == compareLike, variables: variables})
	case ARNFamily:
		arn := compileARN(text, variables)
		v.arn = &arn
	case NumericFamily:
		v.number, v.ok = parseDecimal(text)
	case DateFamily:
		v.date, v.ok = parseDate(text)
		v.dated = true
	case BoolFamily, NullFamily:
		v.truth, v.ok = parseBool(text)
	case IPFamily:
		v.prefix, v.ok = parsePrefix(text)
	case BinaryFamily:
		v.binary, v.ok = parseBinary(text)
	}
	return v
}

// holds reports whether the condition is met. effect is that of its statement:
// where a policy variable has no value, an Allow must not be widened, nor a
// Deny narrowed, by a negation over a comparison that could not be made.
func (c *condition) holds(ev *evaluation, effect Effect) bool {
	values := ev.lookup(c.key)
	if values.len() == 0 && ev.request.unknown != nil && isUnknowable(c.key) && !ev.knownAbsent(c.key) {
		return ev.request.unknown.guess(c.key, effect)
	}
	if c.operator.comparison == compareNull {
		return c.null(values.len() == 0)
	}
	if values.len() == 0 {
		return c.absent()
	}
	ev.unresolved = false
	switch c.operator.Quantifier {
	case ForAllValues:
		for i := range values.len() {
			// AWS: a key that "resolves to a null data set, such as an empty
			// string" counts as no value.
			if v := values.at(i); v != "" && !c.single(v, ev, effect) {
				return false
			}
		}
		return true
	case ForAnyValue:
		for i := range values.len() {
			if c.single(values.at(i), ev, effect) {
				return true
			}
		}
		return false
	}
	for i := range values.len() {
		if c.any(values.at(i), ev) {
			return !c.operator.Negated
		}
	}
	return c.operator.Negated && (!ev.unresolved || effect != Allow)
}

// absent is the answer for a key that the request does not have.
func (c *condition) absent() bool {
	switch {
	case c.operator.IfExists, c.operator.Quantifier == ForAllValues:
		return true
	case c.operator.Quantifier == ForAnyValue:
		return false
	}
	return c.operator.Negated
}

func (c *condition) null(absent bool) bool {
	for i := range c.values {
		if c.values[i].ok && c.values[i].truth == absent {
			return true
		}
	}
	return false
}

// single is the operator, negation included, on one value of the request.
func (c *condition) single(value string, ev *evaluation, effect Effect) bool {
	if c.any(value, ev) {
		return !c.operator.Negated
	}
	return c.operator.Negated && (!ev.unresolved || effect != Allow)
}

// any reports whether value compares with any of the policy's values.
func (c *condition) any(value string, ev *evaluation) bool {
	for i := range c.values {
		if v := &c.values[i]; v.ok && ev.work.spend(1) && v.compare(c.operator.comparison, value, ev) {
			return true
		}
	}
	return false
}

func (v *operand) compare(how comparison, value string, ev *evaluation) bool {
	switch how {
	case compareEqual, compareLike:
		return v.text.compare(value, ev, &ev.work, false)
	case compareFold:
		return v.text.compare(value, ev, &ev.work, true)
	case compareARN:
		parts, isARN := splitARN(value)
		return v.arn.match(&parts, isARN, ev, &ev.work)
	case compareBool:
		truth, ok := parseBool(value)
		return ok && truth == v.truth
	case compareIP:
		if !ev.work.spend(len(value)) {
			return false
		}
		a, ok := parseAddr(value)
		return ok && v.prefix.Contains(a)
	case compareBinary:
		if !ev.work.spend(len(value)) {
			return false
		}
		b, ok := parseBinary(value)
		return ok && bytes.Equal(b, v.binary)
	}
	order, ok := v.order(value, ev)
	if !ok {
		return false
	}
	switch how {
	case compareNumberEqual:
		return order == 0
	case compareLess:
		return order < 0
	case compareLessEqual:
		return order <= 0
	case compareGreater:
		return order > 0
	case compareGreaterEqual:
		return order >= 0
	}
	return false
}

// order compares the request's value with the policy's number or date.
func (v *operand) order(value string, ev *evaluation) (int, bool) {
	if !ev.work.spend(len(value)) {
		return 0, false
	}
	value = strings.TrimSpace(value)
	if v.dated {
		t, ok := parseDate(value)
		return t.Compare(v.date), ok
	}
	n, ok := parseDecimal(value)
	return n.compare(v.number), ok
}
