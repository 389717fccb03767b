package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// block is what a page tells its readers to run.
type block struct {
	page   string
	line   int
	lang   string
	text   string
	notRun string // the reason that the page's source gives
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

var fenced = regexp.MustCompile("(?ms)(?:^<!-- not run: ([^\n]*?) -->\n\n?)?^```(\\w*)\n(.*?)^```$")

// blocksOf reads the blocks of a page that can be run: shell, and the jobs of GitLab.
func blocksOf(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, at := range fenced.FindAllSubmatchIndex(text, -1) {
		b := block{page: page, line: strings.Count(string(text[:at[4]]), "\n") + 1, lang: string(text[at[4]:at[5]]), text: string(text[at[6]:at[7]])}
		if at[2] >= 0 {
			b.notRun = string(text[at[2]:at[3]])
		}
		if b.lang == "" && strings.HasPrefix(b.text, "pullpass ") {
			t.Errorf("%s: commands are in a block of sh", b)
		}
		if b.lang == "sh" || b.lang == "yaml" && strings.Contains(b.text, "script:") {
			all = append(all, b)
		}
	}
	return all
}

// job is what GitLab reads of one.
type job struct {
	Tokens map[string]struct {
		Audience string `yaml:"aud"`
	} `yaml:"id_tokens"`
	Script []string `yaml:"script"`
}

func (b block) job(t *testing.T) job {
	t.Helper()
	var jobs map[string]job
	if err := yaml.Unmarshal([]byte(b.text), &jobs); err != nil || len(jobs) != 1 {
		t.Fatalf("%s is not a job of GitLab: %v", b, err)
	}
	for _, j := range jobs {
		return j
	}
	return job{}
}

// commands splits a block into its commands: a line that ends with \ or | goes on.
func (b block) commands() []string {
	var all []string
	var now strings.Builder
	for line := range strings.Lines(b.text) {
		now.WriteString(line)
		bare := strings.TrimSpace(line)
		if strings.HasSuffix(bare, `\`) || strings.HasSuffix(bare, "|") {
			continue
		}
		if command := strings.TrimSpace(now.String()); command != "" && !strings.HasPrefix(command, "#") {
			all = append(all, command)
		}
		now.Reset()
	}
	return all
}
