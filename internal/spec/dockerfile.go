package spec

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// defaultPlatform is what a build is made for unless somebody says otherwise.
const defaultPlatform = "linux/amd64"

// imageContext is how a named context says that it is an image.
const imageContext = "docker-image://"

// maxStages bounds a Dockerfile: BuildKit itself takes long beyond.
const maxStages = 500

// dockerfile is one that is being read.
type dockerfile struct {
	r       *reader
	build   *Build
	service string
	needed  bool
	file    string
	lines   []string // of the file that holds the text
	shift   int      // lines in front of the text, in that file

	lex     *shell.Lex
	globals arguments
	stages  []instructions.Stage
	reached []bool // whether the target needs the stage
}

func (d *dockerfile) read(text []byte) {
	if syntax, cmdline, at, ok := parser.DetectSyntax(text); ok && d.build.Args["BUILDKIT_SYNTAX"] == "" {
		d.refer(KindSyntax, cmdline, syntax, nil, "", true, lineOfRange(at))
	}
	if syntax := d.build.Args["BUILDKIT_SYNTAX"]; syntax != "" {
		d.r.fail(CodeRefused, d.build.at, "the build argument BUILDKIT_SYNTAX is refused",
			"it would run "+quote(syntax)+" as the build's front end, with everything that the build may read", "remove it")
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		d.unreadable(err)
		return
	}
	if countFrom(parsed.AST) > maxStages {
		d.r.fail(CodeTooMuch, Position{File: d.file}, "a Dockerfile with more than 500 stages is not read", "", "")
		return
	}
	stages, globals, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		d.unreadable(err)
		return
	}
	d.lex, d.stages = shell.NewLex(parsed.EscapeToken), stages
	d.globals = newArguments(cmp.Or(d.build.Platform, defaultPlatform), d.build.Args)
	for _, command := range globals {
		for _, arg := range command.Args {
			d.globals.declare(d.lex, arg)
		}
	}
	d.reach()
	for i := range stages {
		d.stage(i)
	}
}

func countFrom(ast *parser.Node) (n int) {
	for _, child := range ast.Children {
		if strings.EqualFold(child.Value, "from") {
			n++
		}
	}
	return n
}

// unreadable reports what BuildKit's parser says, at its line.
func (d *dockerfile) unreadable(err error) {
	at := Position{File: d.file}
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(located.Locations[0]) > 0 {
		at.Line, at.Column = located.Locations[0][0].Start.Line+d.shift, 1
	}
	d.r.fail(CodeSyntax, at, "cannot read "+d.file+" as a Dockerfile", err.Error(), "")
}

// stage adds what one stage fetches.
func (d *dockerfile) stage(i int) {
	s := &d.stages[i]
	line := lineOfRange(s.Location)
	platform, _, err := d.globals.expand(d.lex, s.Platform)
	if err != nil || platform == "" {
		platform = d.build.Platform
	}
	name, missing, err := d.globals.expand(d.lex, s.BaseName)
	switch {
	case err != nil:
		d.r.fail(CodeBadReference, d.at(line, s.BaseName), "cannot read FROM "+quote(s.BaseName), err.Error(), "")
	case len(missing) == 0 && (strings.EqualFold(name, "scratch") || d.earlier(name, i) >= 0):
	case len(missing) == 0 && d.context(name) != "":
	default:
		d.refer(KindBase, s.BaseName, name, missing, platform, d.reached[i], line)
	}
	for _, command := range s.Commands {
		line := lineOfRange(command.Location())
		switch command := command.(type) {
		case *instructions.CopyCommand:
			d.from(KindCopyFrom, command.From, i, line)
		case *instructions.RunCommand:
			for _, mount := range mountsOf(command) {
				d.from(KindMountFrom, mount.From, i, line)
			}
			d.run(command, line)
		case *instructions.OnbuildCommand:
			d.onbuild(command.Expression, line)
		}
	}
}

// mountsOf are the mounts of a RUN; those with variables are read as they are written.
func mountsOf(command *instructions.RunCommand) []*instructions.Mount {
	if err := command.Expand(func(word string) (string, error) { return word, nil }); err != nil {
		return nil
	}
	return instructions.GetMounts(command)
}

// from adds what COPY --from or --mount from names: a stage by name or number, a named
// context, or an image. BuildKit expands no variables there.
func (d *dockerfile) from(kind Kind, name string, stage, line int) {
	if name == "" {
		return
	}
	if number, err := strconv.Atoi(name); err == nil {
		if number < 0 || number >= stage {
			d.r.fail(CodeBadReference, d.at(line, name), "no stage "+name+" comes before", "stages are counted from 0", "")
		}
		return
	}
	if d.earlier(name, stage) >= 0 || d.context(name) != "" {
		return
	}
	if strings.Contains(name, "$") {
		d.r.fail(CodeBadReference, d.at(line, name), "cannot read from "+quote(name), "variables are not expanded there",
			"make it a stage: FROM "+name+" AS source")
		return
	}
	d.refer(kind, name, name, nil, d.build.Platform, d.reached[stage], line)
}

// run reports what a RUN asks of the machine that builds.
func (d *dockerfile) run(command *instructions.RunCommand, line int) {
	if instructions.GetNetwork(command) == "host" {
		d.r.fail(CodeRefused, d.at(line, "--network"), "RUN --network=host is refused", "it reaches the services of the machine that builds", "remove it")
	}
	if instructions.GetSecurity(command) == "insecure" {
		d.r.fail(CodeRefused, d.at(line, "--security"), "RUN --security=insecure is refused", "it takes the machine that builds", "remove it")
	}
}

// onbuild adds what a build on top of this image will fetch.
func (d *dockerfile) onbuild(expression string, line int) {
	parsed, err := parser.Parse(strings.NewReader(expression))
	if err != nil || len(parsed.AST.Children) == 0 {
		return
	}
	command, err := instructions.ParseCommand(parsed.AST.Children[0])
	if err != nil {
		d.unreadable(err)
		return
	}
	var names []string
	switch command := command.(type) {
	case *instructions.CopyCommand:
		names = append(names, command.From)
	case *instructions.RunCommand:
		for _, mount := range mountsOf(command) {
			names = append(names, mount.From)
		}
	}
	for _, name := range names {
		if name != "" {
			d.refer(KindOnBuild, name, name, nil, "", false, line)
		}
	}
}

// earlier is the index of a stage that comes before, by name, or -1. Names of stages
// hide images of the same name, whatever the case.
func (d *dockerfile) earlier(name string, before int) int {
	for i := before - 1; i >= 0; i-- {
		if d.stages[i].Name != "" && strings.EqualFold(d.stages[i].Name, name) {
			return i
		}
	}
	return -1
}

// context is what a named context puts in the place of a name, or "".
func (d *dockerfile) context(name string) string {
	for key, value := range d.build.Contexts {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// reach marks the stages that the target needs: BuildKit fetches nothing for the others.
func (d *dockerfile) reach() {
	d.reached = make([]bool, len(d.stages))
	target := len(d.stages) - 1
	if d.build.Target != "" {
		target = d.earlier(d.build.Target, len(d.stages))
		if number, err := strconv.Atoi(d.build.Target); target < 0 && err == nil && number >= 0 && number < len(d.stages) {
			target = number
		}
		if target < 0 {
			d.r.fail(CodeBadReference, d.build.at, d.file+" has no stage "+quote(d.build.Target), "the build's target names it", "")
			target = len(d.stages) - 1
		}
	}
	pending := []int{target}
	for len(pending) > 0 {
		i := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if i < 0 || i >= len(d.stages) || d.reached[i] {
			continue
		}
		d.reached[i] = true
		if name, missing, err := d.globals.expand(d.lex, d.stages[i].BaseName); err == nil && len(missing) == 0 {
			pending = append(pending, d.earlier(name, i))
		}
		for _, command := range d.stages[i].Commands {
			for _, name := range sourcesOf(command) {
				if number, err := strconv.Atoi(name); err == nil && number < i {
					pending = append(pending, number)
				} else if name != "" {
					pending = append(pending, d.earlier(name, i))
				}
			}
		}
	}
}

func sourcesOf(command instructions.Command) (names []string) {
	switch command := command.(type) {
	case *instructions.CopyCommand:
		names = append(names, command.From)
	case *instructions.RunCommand:
		for _, mount := range mountsOf(command) {
			names = append(names, mount.From)
		}
	}
	return names
}

// refer adds a reference of this file. What only unreachable stages name is not needed.
func (d *dockerfile) refer(kind Kind, raw, name string, missing []string, platform string, reached bool, line int) {
	if len(missing) > 0 {
		name = ""
	}
	d.r.refer(Reference{
		Raw: raw, Name: name, Kind: kind, Service: d.service, Platform: platform,
		Needed: d.needed && reached, Missing: missing, Position: d.at(line, raw),
	})
}

// at is the place of a text within an instruction that starts at a line.
func (d *dockerfile) at(line int, text string) Position {
	line += d.shift
	for i := line; i >= 1 && i <= len(d.lines) && i < line+50; i++ {
		if c := strings.Index(d.lines[i-1], text); text != "" && c >= 0 {
			return Position{File: d.file, Line: i, Column: c + 1}
		}
	}
	return Position{File: d.file, Line: line, Column: 1}
}

func lineOfRange(ranges []parser.Range) int {
	if len(ranges) == 0 {
		return 1
	}
	return max(ranges[0].Start.Line, 1)
}

// arguments are what ARG instructions in front of the first FROM declare, and what
// BuildKit sets by itself. Only these are expanded in FROM.
type arguments struct {
	given  map[string]string // of the build: they win over defaults, for declared names
	values map[string]string
	open   []string // declared, without a value
}

// newArguments starts from the platform arguments, which need no declaration.
func newArguments(platform string, given map[string]string) arguments {
	system, rest, _ := strings.Cut(platform, "/")
	arch, variant, _ := strings.Cut(rest, "/")
	a := arguments{given: given, values: map[string]string{}}
	for _, prefix := range []string{"TARGET", "BUILD"} {
		a.values[prefix+"PLATFORM"], a.values[prefix+"OS"] = platform, system
		a.values[prefix+"ARCH"], a.values[prefix+"VARIANT"] = arch, variant
	}
	for name := range a.values {
		if value, ok := given[name]; ok {
			a.values[name] = value
		}
	}
	return a
}

// declare takes an ARG. A value of the build wins over the default.
func (a *arguments) declare(lex *shell.Lex, arg instructions.KeyValuePairOptional) {
	if value, ok := a.given[arg.Key]; ok {
		a.values[arg.Key] = value
		return
	}
	if arg.Value == nil {
		if _, ok := a.values[arg.Key]; !ok {
			a.open = append(a.open, arg.Key)
		}
		return
	}
	value, missing, err := a.expand(lex, *arg.Value)
	if err != nil || len(missing) > 0 {
		a.open = append(a.open, arg.Key)
		return
	}
	a.values[arg.Key] = value
}

// Get and Keys make a an environment for BuildKit's own expansion.
func (a *arguments) Get(name string) (string, bool) {
	value, ok := a.values[name]
	return value, ok
}

// Keys lists the arguments that have a value.
func (a *arguments) Keys() []string {
	keys := make([]string, 0, len(a.values))
	for key := range a.values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// expand expands a word of FROM; missing are the arguments without which it is not known.
func (a *arguments) expand(lex *shell.Lex, word string) (text string, missing []string, err error) {
	result, err := lex.ProcessWordWithMatches(word, a)
	if err != nil {
		return "", nil, err
	}
	for name := range result.Unmatched {
		if !hasDefault(word, name) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return result.Result, missing, nil
}

// hasDefault reports whether a word says what stands for an argument that is not set:
// ${NAME:-word}, ${NAME-word}, ${NAME:+word}, ${NAME+word}.
func hasDefault(word, name string) bool {
	for _, operator := range []string{":-", "-", ":+", "+"} {
		if strings.Contains(word, "${"+name+operator) {
			return true
		}
	}
	return false
}
