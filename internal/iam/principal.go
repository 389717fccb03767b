package iam

import (
	"fmt"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// PrincipalKind says what kind of caller a Principal is.
type PrincipalKind uint8

// The kinds of callers.
const (
	Anonymous     PrincipalKind = iota // unsigned request
	Root                               // an account's root user
	User                               // an IAM user
	Role                               // a role, whatever the session
	RoleSession                        // a named session of a role
	FederatedUser                      // GetFederationToken
	Service                            // an AWS service itself
	Federated                          // a web identity or SAML assertion, before it has a role
	CanonicalUser                      // the S3 id of an account
)

var principalKindNames = [...]string{
	"anonymous", "root", "user", "role", "role session", "federated user", "service", "web identity", "canonical user",
}

func (k PrincipalKind) String() string { return principalKindNames[k] }

// Principal is who makes a request. The zero Principal is anonymous.
type Principal struct {
	Kind      PrincipalKind
	Partition string // "aws" unless the ARN says otherwise
	Account   string // empty for services, anonymous and federated callers outside of AWS
	Path      string // of a user or role: "/" or "/team/"; empty if unknown
	Name      string // of a user, role or federated user; the service, provider or id otherwise
	Session   string // of a role session
	ARN       string // who calls: a session's own ARN; the service or id where there is no ARN
	RoleARN   string // of a role or role session; see WithSession for roles with a path
	UserARN   string // of the IAM user behind a federated user; see WithSession
	RootARN   string // the account's root
	Linked    bool   // a service-linked role
}

// ParsePrincipal reads who calls: the ARN of a user, role, role session,
// federated user, root or OIDC or SAML provider; an account id; a service
// ("codebuild.amazonaws.com"); a canonical user id; an OIDC issuer's URL, for
// the provider that STS finds in the account of the role asked for; or "*" or
// "anonymous".
//
// A session's ARN does not show its role's path, and a federated user's ARN not
// the IAM user behind it. Parse the ARN of the role or user, and use WithSession.
func ParsePrincipal(text string) (Principal, error) {
	switch {
	case text == "*", text == "anonymous":
		return Principal{Partition: "aws", ARN: "*"}, nil
	case IsAccountID(text):
		return rootOf("aws", text), nil
	case strings.HasPrefix(text, "arn:"):
		return principalFromARN(text)
	case isCanonicalID(text):
		return Principal{Kind: CanonicalUser, Partition: "aws", Name: text, ARN: text}, nil
	case awsname.IsServicePrincipal(text):
		return Principal{Kind: Service, Partition: "aws", Name: text, ARN: text}, nil
	case awsname.IsProvider(text):
		return Principal{Kind: Federated, Partition: "aws", Name: text, ARN: text}, nil
	case strings.HasPrefix(text, "https://") && len(text) > len("https://") && !strings.ContainsAny(text, "*?# "):
		return Principal{Kind: Federated, Partition: "aws", Name: ProviderName(text), ARN: text}, nil
	}
	return Principal{}, fmt.Errorf("%s is not a principal: give an ARN, an account id, a service or *", quote(text))
}

func rootOf(partition, account string) Principal {
	arn := awsname.Partition(partition).IAM(account, "root")
	return Principal{Kind: Root, Partition: partition, Account: account, ARN: arn, RootARN: arn}
}

func principalFromARN(text string) (Principal, error) {
	arn, ok := ParseARN(text)
	if !ok || arn.Region != "" || !IsAccountID(arn.Account) || strings.ContainsAny(text, "*?") {
		return Principal{}, fmt.Errorf(
			"%s is not the ARN of a principal: want arn:aws:iam::<12 digits>:role/<name>",
			quote(text),
		)
	}
	p := rootOf(arn.Partition, arn.Account)
	p.ARN = text
	kind, rest, _ := strings.Cut(arn.Resource, "/")
	switch arn.Service + ":" + kind {
	case "iam:root":
		ok = rest == "" && arn.Resource == "root"
	case "iam:user":
		p.Kind = User
		p.Path, p.Name, ok = splitPath(rest)
	case "iam:role":
		p.Kind, p.RoleARN = Role, text
		p.Path, p.Name, ok = splitPath(rest)
		p.Linked = strings.HasPrefix(p.Path, "/aws-service-role/")
	case "sts:assumed-role":
		var named bool
		p.Kind = RoleSession
		p.Name, p.Session, named = strings.Cut(rest, "/")
		ok = named && p.Name != "" && p.Session != "" && !strings.Contains(p.Session, "/")
		p.RoleARN = awsname.Partition(arn.Partition).IAM(arn.Account, "role/"+p.Name)
		// IAM keeps this prefix for service-linked roles, whose path the
		// session's ARN does not show.
		p.Linked = strings.HasPrefix(p.Name, "AWSServiceRoleFor")
	case "sts:federated-user":
		p.Kind, p.Name = FederatedUser, rest
		ok = rest != ""
	case "iam:oidc-provider", "iam:saml-provider":
		p.Kind, p.Name = Federated, rest
		ok = rest != ""
	default:
		ok = false
	}
	if !ok {
		return Principal{}, fmt.Errorf(
			"%s is not the ARN of a user, role, session, federated user, root or identity provider",
			quote(text),
		)
	}
	return p, nil
}

// WithSession returns the named session of a role, or the federated user that
// an IAM user makes under that name with GetFederationToken.
func (p Principal) WithSession(name string) (Principal, error) {
	if name == "" || strings.ContainsAny(name, "/*?") {
		return Principal{}, fmt.Errorf("%s is not a session name", quote(name))
	}
	switch p.Kind {
	case Role, RoleSession:
		p.Kind, p.Session = RoleSession, name
		p.ARN = awsname.Partition(p.Partition).STS(p.Account, "assumed-role/"+p.Name+"/"+name)
		return p, nil
	case User:
		p.UserARN = p.ARN
		p.Kind, p.Path, p.Name = FederatedUser, "", name
		p.ARN = awsname.Partition(p.Partition).STS(p.Account, "federated-user/"+name)
		return p, nil
	}
	return Principal{}, fmt.Errorf("%s is a %s: only a role and a user have named sessions", quote(p.ARN), p.Kind)
}

// IdentityARN is the ARN that the caller's identity policies are attached to:
// the role's or user's, where the caller is a session of it.
func (p *Principal) IdentityARN() string {
	switch {
	case p.RoleARN != "":
		return p.RoleARN
	case p.UserARN != "":
		return p.UserARN
	}
	return p.ARN
}

// inside reports whether the caller is an identity of an account: one that
// has identity policies and stands under service control policies.
func (p *Principal) inside() bool {
	switch p.Kind {
	case Root, User, Role, RoleSession, FederatedUser:
		return true
	}
	return false
}

func (p *Principal) arnOrAnonymous() string {
	if p.Kind == Anonymous {
		return "anonymous"
	}
	return p.ARN
}

// orAnyone names the caller in a sentence.
func (p *Principal) orAnyone() string {
	if p.Kind == Anonymous {
		return "an anonymous caller"
	}
	return p.ARN
}

// namedBy is the principal table: what one entry of "AWS" means for a caller
// inside an account.
func (p *Principal) namedBy(entry string) grant {
	switch {
	case entry == p.ARN && p.Kind != Role:
		return directGrant
	case entry == p.RoleARN && p.RoleARN != "", entry == p.UserARN && p.UserARN != "":
		return limitedGrant
	case entry == p.RootARN, entry == p.Account:
		if p.Kind == Root {
			return directGrant
		}
		return delegatedGrant
	}
	return noGrant
}

func splitPath(rest string) (path, name string, ok bool) {
	i := strings.LastIndexByte(rest, '/')
	path, name = "/"+rest[:i+1], rest[i+1:]
	return path, name, name != ""
}

func isCanonicalID(text string) bool {
	return len(text) == 64 && onlyOf(text, func(c byte) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
	})
}

func onlyOf(text string, allowed func(byte) bool) bool {
	for i := range len(text) {
		if !allowed(text[i]) {
			return false
		}
	}
	return true
}
