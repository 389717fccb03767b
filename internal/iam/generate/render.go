package generate

// Format is a form in which a stack is written.
type Format string

// The formats.
const (
	JSON               Format = "json"
	Terraform          Format = "terraform"
	CloudFormation     Format = "cloudformation"
	CloudFormationYAML Format = "cloudformation-yaml"
	Command            Format = "aws"
)

// Formats lists every format, for help texts.
func Formats() []Format {
	return []Format{JSON, Terraform, CloudFormation, CloudFormationYAML, Command}
}
