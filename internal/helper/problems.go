package helper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/nearest"
)

// problems collects what is wrong with a configuration, so that a person is told
// everything at once.
type problems []string

func (p problems) Error() string { return strings.Join(p, "\n       ") }

func (p *problems) add(at, problem string) {
	if at != "" {
		problem = at + ": " + problem
	}
	*p = append(*p, problem)
}

// keys finds keys that the type of v does not have, and keys that are given twice: both
// would be obeyed silently by encoding/json.
func (p *problems) keys(text []byte, v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := p.walk(d, "", reflect.TypeOf(v)); err != nil {
		*p = problems{jsonProblem(err)}
		return
	}
	if d.More() {
		p.add("", "something follows the object")
	}
}

func (p *problems) walk(d *json.Decoder, at string, t reflect.Type) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return p.object(d, at, t)
	case json.Delim('['):
		var of reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			of = t.Elem()
		}
		for i := 0; d.More(); i++ {
			if err := p.walk(d, fmt.Sprintf("%s[%d]", at, i), of); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	return nil
}

func (p *problems) object(d *json.Decoder, at string, t reflect.Type) error {
	known := map[string]reflect.Type{}
	var names []string
	if t != nil && t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			if name := f.Tag.Get("json"); name != "" {
				known[name] = f.Type
				names = append(names, name)
			}
		}
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		path := strings.TrimPrefix(at+"."+key, ".")
		of, ok := known[key]
		switch {
		case names == nil: // not an object of ours: its type is reported by encoding/json
		case !ok:
			problem := "unknown key"
			if near := nearest.Word(key, names); near != "" {
				problem += ", did you mean " + near + "?"
			}
			p.add(path, problem)
		case seen[key]:
			p.add(path, "it is given twice")
		}
		seen[key] = true
		if err := p.walk(d, path, of); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// check finds values that cannot be meant.
func (p *problems) check(c *Config) {
	for i, s := range c.Sources {
		p.source(fmt.Sprintf("sources[%d]", i), s)
		if slices.Contains(c.Sources[:i], s) {
			p.add("sources", string(s)+" is given twice")
		}
	}
	if d := time.Duration(c.Timeout); d != 0 && (d < minTimeout || d > maxTimeout) {
		p.add("timeout", "want a time from 100ms to 5m")
	}
	if c.Helper == "pullpass" || strings.ContainsAny(c.Helper, "/\\ ") {
		p.add("helper", "want the name of another helper, without docker-credential-: secretservice")
	}
	for i, host := range c.Hosts {
		if a, err := parseURL(host); err != nil || a.Host != host {
			p.add(fmt.Sprintf("hosts[%d]", i), "want a host as in the image's name")
		}
	}
	for i := range c.Registries {
		p.rule(fmt.Sprintf("registries[%d]", i), &c.Registries[i])
	}
}

func (p *problems) source(at string, s SourceName) {
	names := sourceNames()
	if slices.Contains(names, s) {
		return
	}
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	problem := "want one of " + strings.Join(texts, ", ")
	if near := nearest.Word(string(s), texts); near != "" {
		problem += "; did you mean " + near + "?"
	}
	p.add(at, problem)
}

func (p *problems) rule(at string, r *Rule) {
	if r.Host == "" && r.Account == "" && r.Region == "" {
		p.add(at, "it matches nothing: give it a host, an account or a region")
	}
	if r.Host != "" && (!plain(r.Host, '*') || strings.ContainsAny(r.Host, "/") || strings.ToLower(r.Host) != r.Host) {
		p.add(at+".host", "want a host in small letters as in the image's name, in which * may stand for a part of a label")
	}
	if r.Account != "" && strings.Trim(r.Account, "0123456789*") != "" {
		p.add(at+".account", "want 12 digits, in which * may stand for some")
	}
	if r.Account != "" && !strings.Contains(r.Account, "*") && !awsname.ValidAccount(r.Account) {
		p.add(at+".account", "want 12 digits")
	}
	if r.Region != "" && !strings.Contains(r.Region, "*") && !awsname.ValidRegion(r.Region) {
		p.add(at+".region", "want the name of an AWS region")
	}
	if r.Source != "" {
		p.source(at+".source", r.Source)
	}
	switch s := r.source(); {
	case r.ofAWS() && r.ofServer():
		p.add(at, "it has settings of AWS and of a server: make two rules")
	case r.ofAWS() && s != SourceAWS:
		p.add(at+".source", "the rule has settings of AWS")
	case r.ofServer() && s != SourceServer:
		p.add(at+".source", "the rule has settings of a server")
	}
	p.identity(at, r)
	if r.Server != "" {
		p.address(at+".server", r.Server)
	}
}

func (p *problems) identity(at string, r *Rule) {
	first := 0
	if r.Profile != "" {
		first++
	}
	if k := r.AccessKey; k != nil {
		first++
		if k.ID == "" || k.SecretFile == "" {
			p.add(at+".accessKey", "want id and secretFile")
		}
	}
	if w := r.WebIdentity; w != nil {
		first++
		if w.Role == "" || w.TokenFile == "" {
			p.add(at+".webIdentity", "want role and tokenFile")
		} else {
			p.role(at+".webIdentity.role", w.Role)
		}
	}
	if first > 1 {
		p.add(at, "profile, accessKey and webIdentity exclude each other: one is the first identity")
	}
	for i, role := range r.Roles {
		p.role(fmt.Sprintf("%s.roles[%d].arn", at, i), role.ARN)
	}
	if e := r.ECR; e != nil {
		if e.Region != "" && !awsname.ValidRegion(e.Region) {
			p.add(at+".ecr.region", "want the name of an AWS region")
		}
		if host := r.exact(); host != "" && e.Region == "" {
			if _, ok := awsname.ParseRegistry(bare(host)); !ok && !isPublic(host) {
				p.add(at+".ecr.region", "the host's name does not say its region: give it")
			}
		}
		if e.Endpoint != "" {
			p.address(at+".ecr.endpoint", e.Endpoint)
		}
		if e.STS != "" {
			p.address(at+".ecr.sts", e.STS)
		}
	}
}

func (p *problems) role(at, arn string) {
	a, ok := awsname.ParseARN(arn)
	if !ok || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") || !awsname.ValidAccount(a.Account) {
		p.add(at, "want the ARN of a role: arn:aws:iam::111111111111:role/pull")
	}
}

func (p *problems) address(at, text string) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		p.add(at, "want an address such as https://pullpass.example.com")
	}
}
