package spec

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
)

// interpolate replaces $V, ${V}, ${V:-default}, ${V:?error} and ${V:+value} as Compose
// does, from declared inputs only. missing are those without which the text is not known.
func interpolate(text string, in Inputs) (result string, missing []string, err error) {
	if !strings.Contains(text, "$") {
		return text, nil, nil
	}
	result, err = template.SubstituteWithOptions(text, func(name string) (string, bool) {
		if value, ok := in[name]; ok {
			return value, true
		}
		if strings.Contains(text, "${"+name+"-") || strings.Contains(text, "${"+name+":") ||
			strings.Contains(text, "${"+name+"+") || strings.Contains(text, "${"+name+"?") {
			return "", false // it says itself what happens without it
		}
		if !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		return "", true
	}, template.WithoutLogging)
	var required *template.MissingRequiredError
	if errors.As(err, &required) {
		return "", append(missing, required.Variable), nil
	}
	return result, missing, err
}

var shellVariable = regexp.MustCompile(`\$(\w+)|\$\{(\w+)\}`)

// expandShell replaces $V and ${V} as GitLab's runner does, once, without defaults.
func expandShell(text string, value func(string) (string, bool)) (result string, missing []string) {
	result = shellVariable.ReplaceAllStringFunc(text, func(word string) string {
		name := strings.Trim(word, "${}")
		v, ok := value(name)
		if !ok && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		return v
	})
	return result, missing
}

var devcontainerVariable = regexp.MustCompile(`\$\{(localEnv|env|containerEnv|localWorkspaceFolderBasename|localWorkspaceFolder|` +
	`containerWorkspaceFolderBasename|containerWorkspaceFolder|devcontainerId)(?::([^}:]*))?(?::([^}]*))?\}`)

// expandDevcontainer replaces the variables of devcontainer.json. localEnv is what
// somebody has declared, never the environment of this process: that would hand the
// secrets of a runner to whoever writes a devcontainer.json.
func expandDevcontainer(text string, in Inputs) (result string, missing []string) {
	result = devcontainerVariable.ReplaceAllStringFunc(text, func(word string) string {
		m := devcontainerVariable.FindStringSubmatch(word)
		if m[1] != "localEnv" && m[1] != "env" {
			missing = append(missing, strings.Trim(word, "${}")) // known only where it runs
			return ""
		}
		if value, ok := in[m[2]]; ok {
			return value
		}
		if strings.Count(word, ":") >= 2 {
			return m[3]
		}
		missing = append(missing, m[2])
		return ""
	})
	return result, missing
}
