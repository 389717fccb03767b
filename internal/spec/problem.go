package spec

import (
	"fmt"
	"strings"

	"github.com/pullpass/pullpass"
)

// Problem is something in a file that a start would refuse, or that its author should
// know. An error keeps the file from being started; a warning does not.
type Problem struct {
	Code     string            `json:"code"`
	Severity pullpass.Severity `json:"severity"`
	What     string            `json:"what"`
	Cause    string            `json:"cause,omitempty"`
	Hint     string            `json:"hint,omitempty"`
	Position
}

// String is the problem in one line, as compilers print theirs.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s: %s", p.Position, p.Severity, strings.Join(p.Parts(), ": "))
}

// Parts are what failed and, where it is known, the cause.
func (p Problem) Parts() []string {
	if p.Cause == "" {
		return []string{p.What}
	}
	return []string{p.What, p.Cause}
}

// level is a severity in SARIF's words.
func (p Problem) level() string {
	switch p.Severity {
	case pullpass.SeverityError:
		return "error"
	case pullpass.SeverityWarning:
		return "warning"
	default:
		return "note"
	}
}

// The codes of problems, stable, for programs.
const (
	CodeSyntax       = "syntax"           // the file is not of its format
	CodeUnknownKey   = "unknown_key"      // a key that the format does not have
	CodeWrongType    = "wrong_type"       // a value of another type than the format's
	CodeMissingFile  = "missing_file"     // a file that is named and is not there
	CodeOutside      = "outside"          // a path that leads out of the repository
	CodeTooMuch      = "too_much"         // more than is read
	CodeMissingInput = "missing_input"    // an image's name depends on an input that nobody declared
	CodeBadReference = "bad_reference"    // not a reference at all
	CodeLoop         = "loop"             // files or services that include each other
	CodeNotFollowed  = "not_followed"     // another place that would have to be asked
	CodeRefused      = "refused"          // something that Pullpass does not start: it reaches beyond the environment
	CodeProduct      = "product_pulled"   // a name that is built here and could be pulled by accident
	CodeNoImage      = "no_image"         // a service that names nothing to start
	CodeUnsupported  = "not_supported"    // valid, and not supported
	CodeSecretArg    = "secret_build_arg" // a build argument that looks like a secret
)
