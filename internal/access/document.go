package access

import (
	"strings"
)

// Document renders the table as the Markdown of docs/access.md.
func Document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	b.WriteString("| permission | to |")
	for _, role := range everyRole {
		b.WriteString(" " + string(role) + " |")
	}
	b.WriteString(" without a role | limited to a project |\n|---|---|")
	b.WriteString(strings.Repeat("---|", len(everyRole)+2) + "\n")
	for _, r := range table {
		b.WriteString(r.line())
	}
	return b.String()
}

const documentHead = `# Who may do what

Generated from internal/access by its test (` + "`go test ./internal/access -update`" + `). Every route of the
API names one of these permissions; docs/openapi.yaml shows which (` + "`x-permission`" + `).

- People and API tokens have what their role has. A token can do no more than whoever creates it.
- A token limited to a project reaches that project's objects; the last column says what is left of each permission.
- Integrations are attached to a project's registries by callers of the whole organization, and by those limited to a project that
  the integration lists. Repositories kept for one project open for that project only. Runners take environments of the projects that
  they list, or of all. Only a runner meets a limit to runners. See docs/decisions/authority.md.
- A runner reaches its own environments, an environment only itself.
- Nobody reaches another organization. What is out of reach is answered as if it were not there.
- The roles nest, but for the auditor, who reads what is not secret and changes nothing.

`
