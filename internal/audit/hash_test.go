package audit_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

func sample() pullpass.Event {
	return pullpass.Event{
		Organization: "org_1", Sequence: 7, Previous: "v1:00", At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Action: "credential.issue", Decision: pullpass.DecisionAllowed, Reason: "r",
		Caller:  pullpass.EventActor{Kind: pullpass.CallerRunner, ID: "run_1", Name: "one", Address: "127.0.0.1"},
		Project: "prj_1", Environment: "env_1", Runner: "run_1", Registry: "reg_1", Generation: 2, Integration: "int_1", Target: "t",
		Detail: map[string]string{"host": "hub.example", "repository": "team/app"},
	}
}

// TestHashIsStable pins version 1: chains that were written with it must verify
// for ever. A change here needs a new version, not a new expectation.
func TestHashIsStable(t *testing.T) {
	for want, e := range map[string]pullpass.Event{
		"v1:2ed4efbc555304910ccd53efcd4e0d0f0772ea676917bd9e4484e2fa6c3e899b": sample(),
		"v1:a34481ba59e30f7f5f7ee5f631b6b7e640465a076c907b574c6e87546c05f342": {},
	} {
		if got := audit.Hash(e); got != want {
			t.Errorf("Hash(%+v) = %s, want %s", e, got, want)
		}
	}
}

// TestHashCoversEveryField changes each field of an event by reflection, so that
// one added later is not forgotten.
func TestHashCoversEveryField(t *testing.T) {
	before := audit.Hash(sample())
	var walk func(path string, field func(*pullpass.Event) reflect.Value, typ reflect.Type)
	walk = func(path string, field func(*pullpass.Event) reflect.Value, typ reflect.Type) {
		if typ.Kind() == reflect.Struct && typ != reflect.TypeFor[time.Time]() {
			for i := range typ.NumField() {
				walk(path+"."+typ.Field(i).Name, func(e *pullpass.Event) reflect.Value { return field(e).Field(i) }, typ.Field(i).Type)
			}
			return
		}
		e := sample()
		v := field(&e)
		switch x := v.Interface().(type) {
		case time.Time:
			v.Set(reflect.ValueOf(x.Add(time.Microsecond)))
		case int64:
			v.SetInt(x + 1)
		case map[string]string:
			v.Set(reflect.ValueOf(map[string]string{"host": "hub.example", "repository": "team/other"}))
		default:
			v.SetString(v.String() + "x")
		}
		if changed := audit.Hash(e) != before; changed == (path == ".Hash") {
			t.Errorf("Hash after a change of %s: changed %v, want %v", path, changed, path != ".Hash")
		}
	}
	walk("", func(e *pullpass.Event) reflect.Value { return reflect.ValueOf(e).Elem() }, reflect.TypeFor[pullpass.Event]())
}

// TestHashTellsEventsApart draws two events whose texts can run into each other.
func TestHashTellsEventsApart(t *testing.T) {
	text := rapid.StringMatching(`[ab\x00]{0,2}`)
	draw := func(r *rapid.T, name string) pullpass.Event {
		return pullpass.Event{
			Action: text.Draw(r, name+" action"), Reason: text.Draw(r, name+" reason"), Target: text.Draw(r, name+" target"),
			Detail: rapid.MapOfN(text, text, 1, 2).Draw(r, name+" detail"),
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := draw(r, "a"), draw(r, "b")
		if (audit.Hash(a) == audit.Hash(b)) != reflect.DeepEqual(a, b) {
			r.Fatalf("Hash tells %+v and %+v apart wrongly", a, b)
		}
	})
}

func TestNormalize(t *testing.T) {
	e := sample()
	e.At = time.Date(2026, 1, 2, 4, 4, 5, 6789, time.FixedZone("x", 3600))
	e.Action, e.Caller.Name, e.Detail = "a\x00b", "\xff", map[string]string{"\x00": "\xfe"}
	got := audit.Normalize(e)
	if want := sample().At; !got.At.Equal(want) || got.At.Location() != time.UTC {
		t.Errorf("Normalize gives the time %v, want %v", got.At, want)
	}
	if got.Action != "a\ufffdb" || got.Caller.Name != "\ufffd" || got.Detail["\ufffd"] != "\ufffd" {
		t.Errorf("Normalize = %+v, want no NUL and no invalid UTF-8", got)
	}
	if e.Detail["\x00"] != "\xfe" {
		t.Error("Normalize changed the caller's map")
	}
	if again := audit.Normalize(got); audit.Hash(again) != audit.Hash(got) {
		t.Error("Normalize of a normal event changes it")
	}
	if got := audit.Normalize(pullpass.Event{Detail: map[string]string{}}); got.Detail != nil || !got.At.IsZero() {
		t.Errorf("Normalize of an empty event = %+v", got)
	}
	if !strings.HasPrefix(audit.Hash(got), "v1:") {
		t.Errorf("Hash = %s, want its version in front", audit.Hash(got))
	}
}
