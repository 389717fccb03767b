package oci

import (
	"net/url"
	"slices"
	"strings"
)

// Challenge is what a registry asks for.
type Challenge struct {
	Scheme  string // "basic", "bearer"; empty: nothing
	Realm   string
	Service string
}

const (
	schemeBasic  = "basic"
	schemeBearer = "bearer"
)

// chooseChallenge prefers a token over sending the password with each request. A
// Bearer challenge whose realm is not an address counts only where nothing else is
// offered: some registries send one beside a Basic challenge that works.
func chooseChallenge(headers []string) (Challenge, bool) {
	var found []Challenge
	for _, h := range headers {
		found = append(found, parseChallenges(h)...)
	}
	for _, usable := range []func(Challenge) bool{
		func(c Challenge) bool { return c.Scheme == schemeBearer && isAddress(c.Realm) },
		func(c Challenge) bool { return c.Scheme == schemeBasic },
		func(c Challenge) bool { return c.Scheme == schemeBearer && c.Realm != "" },
	} {
		if i := slices.IndexFunc(found, usable); i >= 0 {
			return found[i], true
		}
	}
	return Challenge{}, false
}

func isAddress(realm string) bool {
	u, err := url.Parse(realm)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// parseChallenges reads one WWW-Authenticate header: schemes, each with a list
// of name=value. A word without = begins the next scheme (RFC 9110, 11.6.1).
func parseChallenges(header string) []Challenge {
	var list []Challenge
	s := scanner{text: header}
	for s.skip(" \t,"); s.text != ""; s.skip(" \t,") {
		word := s.token()
		if word == "" {
			return list // not in the grammar: what was read before it counts
		}
		s.skip(" \t")
		if !strings.HasPrefix(s.text, "=") {
			list = append(list, Challenge{Scheme: strings.ToLower(word)})
			continue
		}
		s.text = s.text[1:]
		s.skip(" \t")
		value, ok := s.value()
		if !ok || len(list) == 0 {
			return list
		}
		c := &list[len(list)-1]
		switch strings.ToLower(word) {
		case "realm":
			c.Realm = value
		case "service":
			c.Service = value
		}
	}
	return list
}

type scanner struct{ text string }

func (s *scanner) skip(chars string) { s.text = strings.TrimLeft(s.text, chars) }

func (s *scanner) token() string {
	end := strings.IndexAny(s.text, " \t,=\"")
	if end < 0 {
		end = len(s.text)
	}
	word := s.text[:end]
	s.text = s.text[end:]
	return word
}

func (s *scanner) value() (string, bool) {
	if !strings.HasPrefix(s.text, `"`) {
		return s.token(), true
	}
	var b strings.Builder
	for i := 1; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case '"':
			s.text = s.text[i+1:]
			return b.String(), true
		case '\\':
			if i++; i < len(s.text) {
				b.WriteByte(s.text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false // no closing quote
}
