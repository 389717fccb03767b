package generate

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	pullpass "github.com/pullpass/pullpass"
)

func decoded(t tester, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

func TestUnknownFormat(t *testing.T) {
	_, err := Stack{}.Render("xml")
	if !pullpass.IsKind(err, pullpass.Invalid) || !strings.Contains(pullpass.HintOf(err), "terraform") {
		t.Errorf("Render(xml) = %v", err)
	}
}

// TestTerraformSaysTheSame reads each jsonencode(…) back and compares it with
// the policy.
func TestTerraformSaysTheSame(t *testing.T) {
	for name, stack := range samples(t) {
		text := string(stack.terraform())
		for _, d := range stack.Documents() {
			_, rest, found := strings.Cut(text, "jsonencode(")
			if !found {
				t.Fatalf("%s: no policy for %s", name, d.Name)
			}
			r := &hclReader{t: t, text: rest}
			got := r.value()
			if !strings.HasPrefix(r.text, ")") {
				t.Errorf("%s: %s is followed by %.20q", name, d.Name, r.text)
			}
			text = r.text
			if diff := cmp.Diff(decoded(t, d.Policy.JSON()), got); diff != "" {
				t.Errorf("%s: %s differs:\n%s", name, d.Name, diff)
			}
		}
		if strings.Contains(text, "jsonencode(") {
			t.Errorf("%s: more policies than documents", name)
		}
	}
}

// hclReader reads the expressions that this package writes, with Terraform's
// own meaning of escapes.
type hclReader struct {
	t    tester
	text string
}

func (r *hclReader) space() { r.text = strings.TrimLeft(r.text, " \n") }

func (r *hclReader) take(prefix string) bool {
	r.space()
	rest, found := strings.CutPrefix(r.text, prefix)
	if found {
		r.text = rest
	}
	return found
}

func (r *hclReader) value() any {
	r.t.Helper()
	switch {
	case r.take("{"):
		out := map[string]any{}
		for !r.take("}") {
			var key string
			if r.space(); strings.HasPrefix(r.text, `"`) {
				key = r.str()
			} else {
				key = r.text[:strings.IndexAny(r.text, " =")]
				r.text = r.text[len(key):]
			}
			if !r.take("=") {
				r.t.Fatalf("no = after %q at %.30q", key, r.text)
			}
			out[key] = r.value()
		}
		return out
	case r.take("["):
		out := []any{}
		for !r.take("]") {
			out = append(out, r.value())
			r.take(",")
		}
		return out
	}
	return r.str()
}

func (r *hclReader) str() string {
	r.t.Helper()
	if !r.take(`"`) {
		r.t.Fatalf("no string at %.30q", r.text)
	}
	var b strings.Builder
	for {
		switch {
		case r.text == "":
			r.t.Fatalf("a string without end")
		case r.text[0] == '"':
			r.text = r.text[1:]
			return b.String()
		case strings.HasPrefix(r.text, "$${"), strings.HasPrefix(r.text, "%%{"):
			b.WriteString(r.text[1:3])
			r.text = r.text[3:]
		case strings.HasPrefix(r.text, "${"), strings.HasPrefix(r.text, "%{"):
			r.t.Fatalf("a template at %.30q", r.text)
		case r.text[0] == '\\' && r.text[1] == 'u':
			b.WriteString(decoded(r.t, []byte(`"`+r.text[:6]+`"`)).(string))
			r.text = r.text[6:]
		case r.text[0] == '\\':
			b.WriteString(map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '"': `"`, '\\': `\`}[r.text[1]])
			r.text = r.text[2:]
		default:
			b.WriteByte(r.text[0])
			r.text = r.text[1:]
		}
	}
}

func TestHCLStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`([ -~é\n\t\x01\x7f]|\$\{|%\{|\$\$\{|"|\\){0,20}`).Draw(t, "text")
		r := &hclReader{t: t, text: hclString(want)}
		if got := r.str(); got != want || r.text != "" {
			t.Errorf("%s reads as %q and %q, want %q", hclString(want), got, r.text, want)
		}
	})
}

// TestTemplatesSayTheSame finds every policy in the template, and the same
// template in YAML and JSON.
func TestTemplatesSayTheSame(t *testing.T) {
	for name, stack := range samples(t) {
		template := stack.template()
		fromJSON := decoded(t, encode(template)).(map[string]any)
		var fromYAML map[string]any
		if err := yaml.Unmarshal(stack.templateYAML(), &fromYAML); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// The notes are comments in YAML. Its numbers are ints: compare as JSON.
		delete(fromJSON, "Description")
		again, err := json.Marshal(fromYAML)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(fromJSON), decoded(t, again)); diff != "" {
			t.Errorf("%s: YAML differs:\n%s", name, diff)
		}
		for _, d := range stack.Documents() {
			if !bytes.Contains(encode(template), d.Policy.Compact()) {
				t.Errorf("%s: %s is not in the template", name, d.Name)
			}
		}
	}
}

func TestRunnerTellsItsRole(t *testing.T) {
	stack, err := Runner(RunnerOptions{Registry: ireland, Repositories: []string{"a1"}, Access: []Access{Pull}})
	if err != nil {
		t.Fatal(err)
	}
	template := decoded(t, encode(stack.template())).(map[string]any)
	want := map[string]any{"Fn::GetAtt": []any{"Role", "Arn"}}
	if diff := cmp.Diff(any(want), template["Outputs"].(map[string]any)["RoleArn"].(map[string]any)["Value"]); diff != "" {
		t.Error(diff)
	}
	if text := string(stack.terraform()); !strings.Contains(text, "output \"pullpass_runner_role_arn\" {\n  value = aws_iam_role.pullpass_runner.arn\n}") {
		t.Errorf("no output in\n%s", text)
	}
}

// TestDescriptionFits holds the notes to CloudFormation's limit.
func TestDescriptionFits(t *testing.T) {
	long := []string{strings.Repeat("a", 600), strings.Repeat("b", 500), "c"}
	if got := description(long); len(got) > 1024 || got != long[0] {
		t.Errorf("description has %d bytes", len(got))
	}
}

// shellWords runs text in a real shell, where aws is a function that prints its
// arguments, each ended by a NUL, and a line feed after each command.
func shellWords(t tester, text string) []string {
	t.Helper()
	script := "aws() { printf '%s\\0' aws \"$@\"; printf '\\n\\0'; }\n" + text
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("sh: %v: %s in\n%s", err, out, text)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// TestCommandsSurviveTheShell compares what a shell passes on with what was
// meant.
func TestCommandsSurviveTheShell(t *testing.T) {
	for name, stack := range samples(t) {
		var want []string
		for _, r := range stack.Resources {
			for _, args := range commandsOf(r) {
				want = append(append(want, args...), "\n")
			}
		}
		if diff := cmp.Diff(want, shellWords(t, string(stack.commands()))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestShellQuote gives the shell words that try to break out.
func TestShellQuote(t *testing.T) {
	hostile := []string{
		"", "'", `'"'"'`, "$(touch /tmp/x)", "`id`", "a;b", "a\nb", "--", "-n", "~", "*", `\`, `\'`, "a b", "#x", "é", "${IFS}", "a|b>c<d&e", "!x", "%s", "=x",
	}
	args := append([]string{"aws"}, hostile...)
	if diff := cmp.Diff(append(args, "\n"), shellWords(t, commandLine(args))); diff != "" {
		t.Error(diff)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching("[ -~\n\té]{0,12}").Draw(t, "word")
		quoted := shellQuote(s)
		if inner := strings.ReplaceAll(quoted, `'\''`, ""); strings.Count(inner, "'") != 0 && (strings.Count(inner, "'") != 2 || inner[0] != '\'' || inner[len(inner)-1] != '\'') {
			t.Errorf("shellQuote(%q) = %s", s, quoted)
		}
		if quoted[0] != '\'' && strings.ContainsAny(quoted, " \n\t'\"$`\\;|&<>()*?[]#~=%!{}") {
			t.Errorf("shellQuote(%q) = %s without quotes", s, quoted)
		}
	})
}
