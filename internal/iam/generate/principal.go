package generate

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

// iamARN is the ARN of a role or user, in parts.
type iamARN struct {
	Partition, Account string
	Type               string // role, user or root
	Path               string // "/" or "/a/b/"
	Name               string
}

// String rebuilds the ARN from its parts.
func (a iamARN) String() string {
	s := "arn:" + a.Partition + ":iam::" + a.Account + ":" + a.Type
	if a.Type == "root" {
		return s
	}
	return s + a.Path + a.Name
}

// parseIAM takes the ARN of a role, user or account root apart. It answers
// false for everything that does not rebuild to the same text.
func parseIAM(s string) (iamARN, bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" {
		return iamARN{}, false
	}
	a := iamARN{Partition: parts[1], Account: parts[4]}
	if !awsname.ValidPartition(a.Partition) || !awsname.ValidAccount(a.Account) {
		return iamARN{}, false
	}
	if parts[5] == "root" {
		a.Type = "root"
		return a, a.String() == s
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	if kind != "role" && kind != "user" {
		return iamARN{}, false
	}
	slash := strings.LastIndexByte(rest, '/')
	a.Type, a.Path, a.Name = kind, "/"+rest[:slash+1], rest[slash+1:]
	if !isName(a.Name, 64) || !isPath(a.Path) {
		return iamARN{}, false
	}
	return a, a.String() == s
}

// isPath accepts "/" and paths of plain names: IAM allows stranger characters,
// but none that anybody needs and several that shells and patterns read.
func isPath(s string) bool {
	if s == "/" {
		return true
	}
	if len(s) > 512 || !strings.HasPrefix(s, "/") || !strings.HasSuffix(s, "/") {
		return false
	}
	for _, part := range strings.Split(s[1:len(s)-1], "/") {
		if !isName(part, 128) || strings.Trim(part, ".") == "" {
			return false
		}
	}
	return true
}
