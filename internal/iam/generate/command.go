package generate

import (
	"strconv"
	"strings"
)

// commandsOf gives each command as words: two or three that name it, then
// options with their values.
func commandsOf(r Resource) [][]string {
	switch r := r.(type) {
	case RepositoryResource:
		return [][]string{{"aws", "ecr", "set-repository-policy",
			"--registry-id", r.Registry.Account, "--region", r.Registry.Region,
			"--repository-name", r.Repository, "--policy-text", string(r.Policy.Compact())}}
	case RegistryResource:
		return [][]string{{"aws", "ecr", "put-registry-policy",
			"--region", r.Registry.Region, "--policy-text", string(r.Policy.Compact())}}
	case ProviderResource:
		args := append([]string{"aws", "iam", "create-open-id-connect-provider", "--url", r.URL, "--client-id-list"}, r.Audiences...)
		if len(r.Thumbprints) > 0 {
			args = append(append(args, "--thumbprint-list"), r.Thumbprints...)
		}
		return [][]string{args}
	case RoleResource:
		return roleCommands(r)
	}
	return nil
}

func roleCommands(r RoleResource) [][]string {
	var out [][]string
	if r.Trust != nil {
		args := []string{"aws", "iam", "create-role", "--role-name", r.Name}
		if r.MaxSession > 0 {
			args = append(args, "--max-session-duration", strconv.Itoa(r.MaxSession))
		}
		out = append(out, append(args, "--assume-role-policy-document", string(r.Trust.Compact())))
	}
	if r.Permissions != nil {
		out = append(out, []string{"aws", "iam", "put-role-policy", "--role-name", r.Name,
			"--policy-name", r.PermissionsName, "--policy-document", string(r.Permissions.Compact())})
	}
	if r.InstanceProfile {
		out = append(out,
			[]string{"aws", "iam", "create-instance-profile", "--instance-profile-name", r.Name},
			[]string{"aws", "iam", "add-role-to-instance-profile", "--instance-profile-name", r.Name, "--role-name", r.Name})
	}
	if r.Output && r.Trust != nil {
		out = append(
			out,
			[]string{"aws", "iam", "get-role", "--role-name", r.Name, "--query", "Role.Arn", "--output", "text"},
		)
	}
	return out
}

// commandLine puts each option on a line of its own.
func commandLine(args []string) string {
	var b strings.Builder
	for i, a := range args {
		switch {
		case i == 0:
		case strings.HasPrefix(a, "--"):
			b.WriteString(" \\\n  ")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(shellQuote(a))
	}
	b.WriteByte('\n')
	return b.String()
}

// shellQuote makes s one word of a POSIX shell, whatever it holds.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@,+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
