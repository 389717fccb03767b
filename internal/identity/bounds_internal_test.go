package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// signed returns what a key of its own signs, and the set that has it.
func signed(t *testing.T, typ string, body any) (string, jose.JSONWebKeySet) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
}

// A grant is good until the second in which it expires, for ten minutes at most,
// and from a minute before it was issued, for clocks that differ.
func TestGrantsToTheSecond(t *testing.T) {
	org, runner := pullpass.NewOrganizationID(), pullpass.NewRunnerID()
	for _, test := range []struct {
		expires, issued time.Duration
		want            bool
	}{
		{time.Second, 0, true}, {0, 0, false}, {-time.Second, -time.Minute, false},
		{10 * time.Minute, 0, true}, {10*time.Minute + time.Second, 0, false},
		{5 * time.Minute, time.Minute, true}, {5 * time.Minute, time.Minute + time.Second, false},
	} {
		text, keys := signed(t, grantType, grantPayload{Issuer: "i", Audience: string(runner), Expires: noon.Add(test.expires).Unix(),
			Issued: noon.Add(test.issued).Unix(), Grant: pullpass.Grant{Organization: org, Runner: runner}})
		_, err := OpenGrant(pullpass.NewSecret(text), keys, "i", org, runner, noon)
		if (err == nil) != test.want {
			t.Errorf("expires in %v, issued in %v: %v, want it opened %v", test.expires, test.issued, err, test.want)
		}
	}
}

// A grant is told by its type alone: whatever else the same keys sign, and whatever
// it says, is none.
func TestOnlyAGrantIsAGrant(t *testing.T) {
	org, runner := pullpass.NewOrganizationID(), pullpass.NewRunnerID()
	for _, typ := range []string{grantType, "JWT", "jwt", "", challengeType, successionType, "pullpass-grant", strings.ToUpper(grantType)} {
		text, keys := signed(t, typ, grantPayload{Issuer: "i", Audience: string(runner), Expires: noon.Add(time.Minute).Unix(),
			Issued: noon.Unix(), Grant: pullpass.Grant{Organization: org, Runner: runner}})
		if _, err := OpenGrant(pullpass.NewSecret(text), keys, "i", org, runner, noon); (err == nil) != (typ == grantType) {
			t.Errorf("a token of type %q opens as a grant: %v", typ, err)
		}
	}
}

// What is parsed is bounded: of each kind of text the longest is looked at, and one
// byte more is refused for its length.
func TestLongestTexts(t *testing.T) {
	org, runner := pullpass.NewOrganizationID(), pullpass.NewRunnerID()
	long := func(n int) pullpass.Secret { return pullpass.NewSecret(strings.Repeat("x", n)) }
	for n, want := range map[int]bool{maxGrant: false, maxGrant + 1: true} {
		_, err := OpenGrant(long(n), jose.JSONWebKeySet{}, "i", org, runner, noon)
		if got := strings.Contains(pullpass.Explain(err), "too long"); got != want || maxGrant != 64<<10 {
			t.Errorf("a grant of %d bytes: %v, refused for its length %v, want %v", n, err, got, want)
		}
	}
	for n, want := range map[int]bool{maxToken: false, maxToken + 1: true} {
		_, err := inspect(strings.Repeat("x", n), noon)
		if got := strings.Contains(pullpass.Explain(err), "larger than 16 KiB"); got != want {
			t.Errorf("a token of %d bytes: %v, refused for its length %v, want %v", n, err, got, want)
		}
	}
	p := NewProvider("https://pullpass.example", keep{}, Options{Now: func() time.Time { return noon }})
	request := Request{Organization: org, Subject: "s", Audience: make([]string, 10)}
	for i := range request.Audience {
		request.Audience[i] = "a"
	}
	if err := request.check(time.Hour); err != nil {
		t.Errorf("ten audiences: %v", err)
	}
	request.Audience = append(request.Audience, "a")
	if err := request.check(time.Hour); err == nil {
		t.Error("eleven audiences are taken")
	}
	request.Audience = request.Audience[:1]
	for life, want := range map[time.Duration]bool{0: true, time.Hour: true, time.Hour + 1: false, -1: false} {
		if request.Life = life; (request.check(time.Hour) == nil) != want {
			t.Errorf("a life of %v: %v, want taken %v", life, request.check(time.Hour), want)
		}
	}
	if got := p.CacheFor(); got != 12*time.Hour {
		t.Errorf("key sets may be cached for %v, want half of a day", got)
	}
}

// keep keeps no keys.
type keep struct{}

func (keep) SigningKeys(context.Context, pullpass.OrganizationID) ([]StoredKey, error) {
	return nil, nil
}
func (keep) AddSigningKey(context.Context, StoredKey) error { return nil }
func (keep) DeleteSigningKeys(context.Context, pullpass.OrganizationID, Algorithm, int64) error {
	return nil
}

// Keys change once a month, are published a day before, and what a server knows of
// them is younger than half a minute.
func TestLivesOfKeys(t *testing.T) {
	const second = 1_000_000_000
	s := DefaultSchedule()
	for name, pair := range map[string][2]time.Duration{
		"a key signs for": {s.Use, 30 * 86400 * second}, "it is published before for": {s.Lead, 86400 * second},
		"a token lives for": {s.TokenLife, 3600 * second}, "a server knows its keys for": {remember, 30 * second}, "reading them takes": {readWithin, 10 * second},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s %v, want %v", name, pair[0], pair[1])
		}
	}
}

// counted counts how often the keys are read.
type counted struct {
	keep
	read *int
}

func (c counted) SigningKeys(context.Context, pullpass.OrganizationID) ([]StoredKey, error) {
	*c.read++
	return nil, nil
}

// Keys are read again after half a minute, or after a quarter of the lead where
// that is shorter: what another server adds is published in time.
func TestKeysAreReadAgain(t *testing.T) {
	for lead, known := range map[time.Duration]time.Duration{24 * time.Hour: 30 * time.Second, 40 * time.Second: 10 * time.Second} {
		now, read := noon, 0
		p := NewProvider("https://pullpass.example", counted{read: &read}, Options{
			Schedule: Schedule{Use: time.Hour, Lead: lead, TokenLife: time.Minute}, Now: func() time.Time { return now }})
		at := func(after time.Duration) bool {
			now = noon.Add(after)
			before := read
			_, _ = p.ring(t.Context(), "org_1") // whose keys it cannot keep
			return read > before
		}
		at(0)
		p.chains["org_1"] = &ring{chains: map[Algorithm]chain{}, read: noon}
		if at(known-1) || !at(known) {
			t.Errorf("with a lead of %v the keys are not read again after %v exactly", lead, known)
		}
	}
}

// Times in a foreign token are whole, positive and of this age of the world.
func TestSeconds(t *testing.T) {
	for value, want := range map[any]bool{1.0: true, 0.0: false, -1.0: false, 1.5: false, float64(1 << 40): true, float64(1<<40 + 1): false, "1": false, nil: false, true: false} {
		if _, ok := seconds(value); ok != want {
			t.Errorf("seconds(%v) = %v, want %v", value, ok, want)
		}
	}
}

// An object may be nested sixteen deep, and nothing may follow it.
func TestUniqueMembers(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]bool{
		`{}`: true, `{"a":{"b":1,"c":1},"b":[{"a":1},{"a":1}]}`: true, nested(17): true, nested(18): false,
		`{"a":1,"a":1}`: false, `{"x":{"a":1,"a":2}}`: false, `[{"a":1,"\u0061":2}]`: false, `{} {}`: false, `{}x`: false, ``: false, `{`: false, `{"a"`: false, `[`: false, `{"a":1]`: false,
	} {
		if err := uniqueMembers([]byte(text)); (err == nil) != want {
			t.Errorf("uniqueMembers(%.30s…, %d bytes) = %v, want taken %v", text, len(text), err, want)
		}
	}
}

// What an issuer says is asked for again after an hour, and after ten seconds where
// a key is unknown; a set that is too large is none.
func TestKeySetsOfIssuers(t *testing.T) {
	var set jose.JSONWebKeySet
	fetched := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched++
		_ = json.NewEncoder(w).Encode(set)
	}))
	defer s.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	add := func(n int) {
		set = jose.JSONWebKeySet{}
		for i := range n {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: fmt.Sprint(i)})
		}
	}
	now := noon
	r := &remoteKeys{uri: s.URL, client: s.Client(), now: func() time.Time { return now }}
	ask := func(after time.Duration, id string) bool {
		now = noon.Add(after)
		before := fetched
		_, _ = r.key(t.Context(), id)
		return fetched > before
	}
	add(1)
	if !ask(0, "0") || ask(keySetLife-1, "0") || !ask(keySetLife, "0") {
		t.Errorf("a known key is not asked for again after %v exactly", keySetLife)
	}
	if since := keySetLife; ask(since+keySetPause-1, "x") || !ask(since+keySetPause, "x") {
		t.Errorf("an unknown key is not asked for again after %v exactly", keySetPause)
	}
	for n, want := range map[int]bool{maxKeysInSet: true, maxKeysInSet + 1: false} {
		add(n)
		if err := r.fetch(t.Context()); (err == nil) != want {
			t.Errorf("a set of %d keys: %v, want taken %v", n, err, want)
		}
	}
}

// A condition has a claim, of one letter at least, and a value; a pattern without a
// star is compared from end to end.
func TestConditions(t *testing.T) {
	for text, want := range map[string]bool{"a=b": true, "a=": false, "=b": false, "~b": false, "ab": false, "a~b": true, "a=b=": true, "a~b~": true, "ab=": false} {
		if c, err := ParseCondition(text); (err == nil) != want {
			t.Errorf("ParseCondition(%q) = %+v, %v, want taken %v", text, c, err, want)
		}
	}
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"*b", "b", true}, {"*b", "ab", true}, {"*b", "aba", false}, {"a*", "a", true}, {"a", "ab", false}, {"b", "ab", false}, {"a?", "a", false},
		{"*ab*cd", "xabyabcd", true}, {"", "", true}, {"", "a", false}, {"?*", "", false},
	} {
		if got := like(test.pattern, test.text); got != test.want {
			t.Errorf("like(%q, %q) = %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
}

// A token is used once by its name, or, without one, by what was signed: another
// signature over the same text is the same token, and another issuer's is another.
func TestUnique(t *testing.T) {
	same := unique("h.c.one", "i", "") == unique("h.c.two", "i", "") && unique("a.b.c", "i", "7") == unique("d.e.f", "i", "7")
	names := map[string]bool{unique("h.c.s", "i", ""): true, unique("h.d.s", "i", ""): true, unique("h.c.s", "j", ""): true,
		unique("h.c.s", "i", "7"): true, unique("h.c.s", "j", "7"): true, unique("h.c.s", "i", "h.c"): true}
	if !same || len(names) != 6 {
		t.Errorf("the same token has two names, or two tokens have one (%d of 6)", len(names))
	}
}

// Why an audience does not do: it is another's, it is several, or it is no text.
func TestAudiences(t *testing.T) {
	for _, test := range []struct {
		aud any
		ok  bool
		why string
	}{
		{"us", true, ""}, {[]any{"us"}, true, ""}, {"them", false, "somebody else"}, {[]any{"them"}, false, "somebody else"},
		{[]any{"us", "them"}, false, "for others, too"}, {[]any{"us", "us"}, false, "for others, too"}, {[]any{"them", "they"}, false, "somebody else"},
		{[]any{"us", 7.0}, false, "not text"}, {nil, false, "somebody else"}, {[]any{}, false, "somebody else"}, {"us/", false, "somebody else"}, {"US", false, "somebody else"},
	} {
		if r := checkAudience("us", test.aud); r.OK != test.ok || !strings.Contains(r.Why, test.why) || r.OK && r.Why != "" {
			t.Errorf("checkAudience(%v) = %+v, want %v %q", test.aud, r, test.ok, test.why)
		}
	}
}

// Every byte that could be read as more than a part of a subject is escaped.
func TestEscapeByteByByte(t *testing.T) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	for c := range 256 {
		s := string([]byte{byte(c)})
		want := fmt.Sprintf("%%%02X", c)
		if strings.Contains(plain, s) {
			want = s
		}
		if got := escape(s); got != want {
			t.Errorf("escape(%q) = %q, want %q", s, got, want)
		}
	}
}

// Each of the three components that a repository brings makes the subject one that
// has to be earned, alone.
func TestEachComponentOfARepositoryIsEarned(t *testing.T) {
	s := Subject{Organization: "org_1", Project: "prj_1", Repository: "https://git.example/a", Ref: "refs/heads/main", Commit: "c"}
	for _, component := range []string{"repository", "ref", "commit"} {
		template, err := ParseTemplate("project:{project_id}:x:{" + component + "}")
		if err != nil {
			t.Fatal(err)
		}
		if got := template.Render(s); got != s.unproved() {
			t.Errorf("an unproved subject with its %s reads %q, want %q", component, got, s.unproved())
		}
	}
	for _, text := range []string{"{project_id}", "x{project_id}", "{project_id}{project_id}"} {
		template, err := ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range template.parts {
			if p.component == "" && p.literal == "" {
				t.Errorf("%q has an empty part", text)
			}
		}
	}
}

// A discovery document is not asked for again within ten seconds of its failure,
// and is at ten; its cause has 200 characters.
func TestFailedDiscoveryRests(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer s.Close()
	now := noon
	v := &Verifier{client: s.Client(), now: func() time.Time { return now }, issuers: map[string]*remoteKeys{}, failed: map[string]failure{}}
	for after, want := range []int{1, 1, 2} {
		now = noon.Add([]time.Duration{0, keySetPause - 1, keySetPause}[after])
		if _, err := v.keysOf(t.Context(), s.URL); err == nil || asked != want {
			t.Errorf("%v after the failure: asked %d times, %v, want %d", now.Sub(noon), asked, err, want)
		}
	}
	for n, want := range map[int]string{200: strings.Repeat("x", 200), 201: strings.Repeat("x", 200) + "…"} {
		if got := discoveryCause(fmt.Errorf("%s", strings.Repeat("x", n))).(*pullpass.Error).Cause; got != want { //nolint:errorlint,forcetypeassert // what it makes
			t.Errorf("a cause of %d characters reads %d bytes", n, len(got))
		}
	}
}

// A succession of the longest size is looked at, a longer one is not.
func TestLongestSuccession(t *testing.T) {
	body := successionPayload{Issuer: "i", Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}}
	_, inner := signed(t, successionType, body)
	body.Keys = inner
	pad := func(n int) (string, jose.JSONWebKeySet) {
		wide := body
		wide.Issuer = strings.Repeat("i", n)
		return signed(t, successionType, wide)
	}
	n := maxSuccession * 3 / 4
	text, known := pad(n)
	for len(text) > maxSuccession {
		n--
		text, known = pad(n)
	}
	if _, ok := succeed(known, strings.Repeat("i", n), text); !ok || len(text) != maxSuccession {
		t.Errorf("a succession of %d bytes: %v, want the longest, of %d, taken", len(text), ok, maxSuccession)
	}
	text, known = pad(n + 1)
	for extra := n + 1; len(text) <= maxSuccession; extra++ {
		text, known = pad(extra)
		n = extra - 1
	}
	if _, ok := succeed(known, strings.Repeat("i", n+1), text); ok {
		t.Errorf("a succession of %d bytes is taken", len(text))
	}
}
