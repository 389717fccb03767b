package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/iam/lint"
)

const megabyte = 1 << 20

// hostileDocuments are a megabyte each of what makes a reader of policies slow.
func hostileDocuments() map[string]string {
	fill := func(head, unit, tail string) string {
		return head + strings.Repeat(unit, (megabyte-len(head)-len(tail))/len(unit)) + tail
	}
	const resource = `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/`
	return map[string]string{
		"stars in a resource":    fill(resource, `*`, `"}]}`),
		"*a*a*a in a resource":   fill(resource, `*a`, `b"}]}`),
		"*?*?*? in a resource":   fill(resource, `*?`, `"}]}`),
		"*a* in many resources":  fill(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":[`, `"arn:aws:ecr:*:*:repository/*a*a*a*a*b",`, `"*"]}]}`),
		"wildcards in actions":   fill(`{"Statement":[{"Effect":"Allow","Action":[`, `"ecr:*a*a*a*a*b",`, `"ecr:x"],"Resource":"*"}]}`),
		"conditions on a key":    fill(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"k":[`, `"*a*a*a*b",`, `"x"]}}}]}`),
		"policy variables":       fill(resource, `${k}`, `"}]}`),
		"small statements":       fill(`{"Statement":[`, `{"Effect":"Deny","Action":"ecr:*z","Resource":"*"},`, `{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
		"nested lists":           fill(`{"Statement":`, `[`, ``),
		"nested objects":         fill(``, `{"a":`, ``),
		"nested lists, closed":   `{"Statement":` + strings.Repeat("[", megabyte/2) + strings.Repeat("]", megabyte/2) + `}`,
		"one long string":        fill(`{"Id":"`, `\u0061`, `","Statement":[]}`),
		"numbers in a condition": fill(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"k":[`, `1e308,`, `1]}}}]}`),
	}
}

// measureHostile reads each document and, if it is not refused, decides with it
// and lints it. The goal is the slowest one's.
func measureHostile() ([]figure, error) {
	principal, err := iam.ParsePrincipal("arn:aws:iam::111111111111:role/pull")
	if err != nil {
		return nil, fmt.Errorf("naming the caller: %w", err)
	}
	long := strings.Repeat("a", 1900)
	request := iam.Request{
		Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:eu-west-1:222222222222:repository/" + long,
		Principal: principal, Context: map[string][]string{"k": {strings.Repeat("a", megabyte)}},
	}
	decided, linted := slowest{}, slowest{}
	refused := 0
	for name, text := range hostileDocuments() {
		var policy *iam.Policy
		decided.time(name, func() {
			if policy, err = iam.Parse([]byte(text)); err != nil {
				return
			}
			iam.Evaluate(request, iam.Policies{Identity: []*iam.Policy{policy}})
		})
		if err != nil {
			refused++
		}
		linted.time(name, func() { _, _ = lint.Document([]byte(text), lint.Identity, lint.Facts{}) }) // its findings, or that it is none, do not matter here
	}
	all := len(hostileDocuments())
	return []figure{
		decided.figure(fmt.Sprintf("slowest of %d hostile megabytes, read and decided, or refused (%d)", all, refused)),
		linted.figure(fmt.Sprintf("slowest of %d hostile megabytes, linted or refused", all)),
	}, nil
}

// slowest keeps the longest of several times, each the best of three tries:
// what else the machine does is not the document's doing.
type slowest struct {
	name string
	took time.Duration
}

func (s *slowest) time(name string, what func()) {
	var tries []time.Duration
	for range 3 {
		begun := time.Now()
		what()
		tries = append(tries, time.Since(begun))
	}
	if took := slices.Min(tries); took > s.took {
		s.name, s.took = name, took
	}
}

func (s *slowest) figure(what string) figure {
	const goal = 100 * time.Millisecond
	return figure{
		what: what, got: float64(s.took.Microseconds()) / 1000, unit: "ms", peer: s.name,
		goal: "≤ 100 ms", met: s.took <= goal,
	}
}
