package iam

import (
	"strings"
)

// Family is the way in which an operator compares.
type Family uint8

// The families of condition operators.
const (
	StringFamily Family = iota + 1
	NumericFamily
	DateFamily
	BoolFamily
	BinaryFamily
	IPFamily
	ARNFamily
	NullFamily
)

// Quantifier is the set operator in front of an operator's name.
type Quantifier uint8

// The quantifiers: none, ForAllValues: and ForAnyValue:.
const (
	NoQuantifier Quantifier = iota
	ForAllValues
	ForAnyValue
)

func (q Quantifier) String() string {
	switch q {
	case ForAllValues:
		return "ForAllValues"
	case ForAnyValue:
		return "ForAnyValue"
	}
	return ""
}

// Operator is a condition operator, as written and taken apart.
type Operator struct {
	Text       string // as written: "ForAnyValue:StringLikeIfExists"
	Name       string // canonical base name: "StringLike"
	Family     Family
	Negated    bool // StringNotEquals, NotIpAddress, …
	Quantifier Quantifier
	IfExists   bool
	comparison comparison
}

// comparison is what the evaluator does with one value of the policy and one
// of the request; negation is applied around it.
type comparison uint8

const (
	compareEqual comparison = iota + 1
	compareFold
	compareLike
	compareNumberEqual
	compareLess
	compareLessEqual
	compareGreater
	compareGreaterEqual
	compareBool
	compareBinary
	compareIP
	compareARN
	compareNull
)

type operatorRow struct {
	name       string
	family     Family
	negated    bool
	comparison comparison
}

// operatorTable lists every operator of the language.
var operatorTable = [...]operatorRow{
	{"StringEquals", StringFamily, false, compareEqual},
	{"StringNotEquals", StringFamily, true, compareEqual},
	{"StringEqualsIgnoreCase", StringFamily, false, compareFold},
	{"StringNotEqualsIgnoreCase", StringFamily, true, compareFold},
	{"StringLike", StringFamily, false, compareLike},
	{"StringNotLike", StringFamily, true, compareLike},
	{"NumericEquals", NumericFamily, false, compareNumberEqual},
	{"NumericNotEquals", NumericFamily, true, compareNumberEqual},
	{"NumericLessThan", NumericFamily, false, compareLess},
	{"NumericLessThanEquals", NumericFamily, false, compareLessEqual},
	{"NumericGreaterThan", NumericFamily, false, compareGreater},
	{"NumericGreaterThanEquals", NumericFamily, false, compareGreaterEqual},
	{"DateEquals", DateFamily, false, compareNumberEqual},
	{"DateNotEquals", DateFamily, true, compareNumberEqual},
	{"DateLessThan", DateFamily, false, compareLess},
	{"DateLessThanEquals", DateFamily, false, compareLessEqual},
	{"DateGreaterThan", DateFamily, false, compareGreater},
	{"DateGreaterThanEquals", DateFamily, false, compareGreaterEqual},
	{"Bool", BoolFamily, false, compareBool},
	{"BinaryEquals", BinaryFamily, false, compareBinary},
	{"IpAddress", IPFamily, false, compareIP},
	{"NotIpAddress", IPFamily, true, compareIP},
	{"ArnEquals", ARNFamily, false, compareARN},
	{"ArnNotEquals", ARNFamily, true, compareARN},
	{"ArnLike", ARNFamily, false, compareARN},
	{"ArnNotLike", ARNFamily, true, compareARN},
	{"Null", NullFamily, false, compareNull},
}

// Operators returns the base names of all condition operators.
func Operators() []string {
	names := make([]string, len(operatorTable))
	for i, row := range operatorTable {
		names[i] = row.name
	}
	return names
}

// ParseOperator takes an operator's text apart. Letter case does not matter,
// as for AWS, whose own examples write both "Bool" and "bool".
func ParseOperator(text string) (Operator, bool) {
	op := Operator{Text: text}
	rest := text
	for _, q := range [...]Quantifier{ForAllValues, ForAnyValue} {
		if after, found := cutPrefixFold(rest, q.String()+":"); found {
			op.Quantifier, rest = q, after
			break
		}
	}
	if before, found := cutSuffixFold(rest, "IfExists"); found {
		op.IfExists, rest = true, before
	}
	for _, row := range operatorTable {
		if !equalFold(row.name, rest) {
			continue
		}
		// Null asks whether a key exists: "if it exists" would make it empty.
		if row.family == NullFamily && op.IfExists {
			return Operator{}, false
		}
		op.Name, op.Family, op.Negated, op.comparison = row.name, row.family, row.negated, row.comparison
		return op, true
	}
	return Operator{}, false
}

// MustOperator is ParseOperator for names that stand in the program's text.
func MustOperator(text string) Operator {
	op, ok := ParseOperator(text)
	if !ok {
		panic("iam: no such condition operator: " + text)
	}
	return op
}

// Canonical returns the operator's text in AWS's own spelling.
func (o Operator) Canonical() string {
	text := o.Name
	if o.Quantifier != NoQuantifier {
		text = o.Quantifier.String() + ":" + text
	}
	if o.IfExists {
		text += "IfExists"
	}
	return text
}

// Demands reports whether the operator fails on a request without the key, and
// compares it with what the policy lists: it can restrict who is meant.
func (o Operator) Demands() bool {
	return !o.Negated && !o.IfExists && o.Quantifier != ForAllValues &&
		(o.Family == StringFamily || o.Family == ARNFamily || o.Family == NumericFamily && o.comparison == compareNumberEqual)
}

// pattern is the value as the operator takes it: only …Like knows wildcards, so that
// in any other operator they are ordinary characters, here of no owner's name.
func (o Operator) pattern(text string) string {
	if o.comparison == compareLike || o.Family == ARNFamily {
		return unescaped(text)
	}
	return strings.NewReplacer("*", "\x00", "?", "\x00").Replace(unescaped(text))
}

// Fits reports whether a value is of the type that the operator compares. A policy
// variable fits where there are variables: what it stands for shows later.
func (o Operator) Fits(text string, variables bool) bool {
	if variables && strings.Contains(text, "${") {
		return o.Family == StringFamily || o.Family == ARNFamily || o.Family == NumericFamily || o.Family == DateFamily ||
			o.Family == BoolFamily
	}
	ok := true
	switch o.Family {
	case NumericFamily:
		_, ok = parseDecimal(text)
	case DateFamily:
		_, ok = parseDate(text)
	case BoolFamily, NullFamily:
		_, ok = parseBool(text)
	case IPFamily:
		_, ok = parsePrefix(text)
	case BinaryFamily:
		_, ok = parseBinary(text)
	case ARNFamily:
		ok = text == "*" || strings.HasPrefix(text, "arn:") && strings.Count(text, ":") >= 5
	}
	return ok
}

// Type names what the operator compares.
func (o Operator) Type() string {
	switch o.Family {
	case NumericFamily:
		return "a number"
	case DateFamily:
		return "a date such as 2026-01-31T00:00:00Z"
	case BoolFamily, NullFamily:
		return "true or false"
	case IPFamily:
		return "an address or range such as 203.0.113.0/24"
	case BinaryFamily:
		return "base64"
	case ARNFamily:
		return "an ARN of six parts"
	}
	return "text"
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !equalFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || !equalFold(s[len(s)-len(suffix):], suffix) {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}
