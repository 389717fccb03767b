package helper

import (
	"net"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// Rule says who asks for the registries that it matches. Patterns may hold *, which
// stands for any characters but a dot; what is empty matches everything.
type Rule struct {
	Host    string `json:"host"`
	Account string `json:"account"` // of a private ECR registry
	Region  string `json:"region"`  // of a private ECR registry

	// Source is the only one to ask; a rule with settings of one means that one.
	Source SourceName `json:"source"`
	Soft   *bool      `json:"soft"`

	// Of AWS. At most one first identity; without one, that of the environment.
	Profile     string       `json:"profile"`
	WebIdentity *WebIdentity `json:"webIdentity"`
	AccessKey   *AccessKey   `json:"accessKey"`
	Roles       []Role       `json:"roles"` // assumed one after the other
	ECR         *ECR         `json:"ecr"`

	// Of a Pullpass server.
	Server  string `json:"server"`  // its login is used and no other's
	Project string `json:"project"` // name or id
}

// Role is one AssumeRole.
type Role struct {
	ARN         string `json:"arn"`
	ExternalID  string `json:"externalId"`
	SessionName string `json:"sessionName"`
}

// WebIdentity is a role that is assumed with a token from a file.
type WebIdentity struct {
	Role        string `json:"role"`
	TokenFile   string `json:"tokenFile"`
	SessionName string `json:"sessionName"`
}

// AccessKey is an IAM user's key; its secret stays in a file of its own.
type AccessKey struct {
	ID         string `json:"id"`
	SecretFile string `json:"secretFile"`
}

// ECR says of a host that it is a registry of ECR under another name, or that its
// AWS is reached at another address.
type ECR struct {
	Region   string `json:"region"`   // needed where the host's name does not say it
	Endpoint string `json:"endpoint"` // of the ECR API
	STS      string `json:"sts"`
}

// Matches reports whether the rule is for a host, as parseURL writes it.
func (r *Rule) Matches(host string) bool {
	if r.Host != "" && !match(r.Host, host) {
		return false
	}
	if r.Account == "" && r.Region == "" {
		return r.Host != ""
	}
	private, ok := awsname.ParseRegistry(bare(host))
	return ok && (r.Account == "" || match(r.Account, private.Account)) && (r.Region == "" || match(r.Region, private.Region))
}

// source is the only one that the rule can mean, and "" if it means any.
func (r *Rule) source() SourceName {
	switch {
	case r.Source != "":
		return r.Source
	case r.ofAWS():
		return SourceAWS
	case r.ofServer():
		return SourceServer
	}
	return ""
}

func (r *Rule) ofAWS() bool {
	return r.Profile != "" || r.WebIdentity != nil || r.AccessKey != nil || len(r.Roles) > 0 || r.ECR != nil
}

func (r *Rule) ofServer() bool { return r.Server != "" || r.Project != "" }

// exact is the one host that the rule is for, "" if there may be several.
func (r *Rule) exact() string {
	if r.Host != "" && !strings.Contains(r.Host, "*") {
		return r.Host
	}
	return ""
}

// match compares text with a pattern, in which * stands for any characters but a dot.
func match(pattern, text string) bool {
	for {
		star := strings.IndexByte(pattern, '*')
		if star < 0 {
			return pattern == text
		}
		if !strings.HasPrefix(text, pattern[:star]) {
			return false
		}
		pattern, text = strings.TrimLeft(pattern[star:], "*"), text[star:]
		// The label that * is in ends at the next dot: what follows in the pattern
		// has to begin somewhere in it.
		label, _, _ := strings.Cut(text, ".")
		next, _, _ := strings.Cut(pattern, "*")
		if next == pattern { // the last *: the rest has to be the end
			rest, ok := strings.CutSuffix(text, next)
			return ok && !strings.Contains(rest, ".")
		}
		at := strings.Index(text, next)
		if at < 0 || at > len(label) {
			return false
		}
		text = text[at:]
	}
}

// bare is a host without its port, if that is the one of https.
func bare(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		return name
	}
	return host
}
