package iam

import "testing"

// typicalPull is a cross-account pull through a role session: the runner's own
// policy and the repository's, compiled once.
func typicalPull(t tester) (*Evaluator, *Request) {
	e := Compile(Policies{
		Identity: []*Policy{mustParse(t, flexRunnerPolicy)},
		Resource: []*Policy{mustParse(t, flexRepositoryPolicy)},
	})
	return e, &Request{
		Action: "ecr:GetDownloadUrlForLayer", Resource: theirRepository, Principal: caller(t, runnerSession),
		Context: map[string][]string{"aws:SourceIp": {"203.0.113.7"}, "aws:SecureTransport": {"true"}},
	}
}

func TestAllowsDoesNotAllocate(t *testing.T) {
	e, r := typicalPull(t)
	if !e.Allows(r) {
		t.Fatal("the typical pull is denied")
	}
	if n := testing.AllocsPerRun(1000, func() { e.Allows(r) }); n != 0 {
		t.Errorf("Allows allocates %v times, want 0", n)
	}
}

func TestAllowsWithConditionsDoesNotAllocate(t *testing.T) {
	e := Compile(Policies{Identity: docs(t, `{"Effect":"Allow","Action":"ecr:Batch*","Resource":"arn:aws:ecr:*:*:repository/team/*","Condition":{
		"StringEquals":{"aws:PrincipalArn":"`+runnerRole+`"},"Bool":{"aws:securetransport":"true"},"IpAddress":{"aws:SourceIp":"203.0.113.0/24"},
		"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"},"NumericLessThan":{"n":"10"},"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}}`)})
	r := &Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, runnerSession), Context: map[string][]string{
		"aws:SourceIp": {"203.0.113.7"}, "aws:SecureTransport": {"true"}, "n": {"9"}, "aws:CurrentTime": {"1767225600"}}}
	if !e.Allows(r) {
		t.Fatal("denied")
	}
	if n := testing.AllocsPerRun(1000, func() { e.Allows(r) }); n != 0 {
		t.Errorf("Allows allocates %v times, want 0", n)
	}
}

func BenchmarkAllows(b *testing.B) {
	e, r := typicalPull(b)
	b.ReportAllocs()
	for b.Loop() {
		if !e.Allows(r) {
			b.Fatal("denied")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

func BenchmarkEvaluate(b *testing.B) {
	e, r := typicalPull(b)
	b.ReportAllocs()
	for b.Loop() {
		e.Evaluate(*r)
	}
}

func BenchmarkParse(b *testing.B) {
	document := []byte(enterpriseTrust(ours))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}

// One Evaluator serves many goroutines; run with -race this test means it.
func TestEvaluatorIsShared(t *testing.T) {
	e, r := typicalPull(t)
	want := e.Evaluate(*r).Effect
	done := make(chan Result)
	const goroutines = 8
	for range goroutines {
		go func() {
			mine := *r
			if !e.Allows(&mine) {
				done <- ImplicitDeny
				return
			}
			done <- e.Evaluate(mine).Effect
		}()
	}
	for range goroutines {
		if got := <-done; got != want {
			t.Errorf("one of many = %s, want %s", got, want)
		}
	}
}
