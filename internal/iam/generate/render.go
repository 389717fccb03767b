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

// Render writes the stack in the given format, ending in a newline. JSON is the
// policy itself where there is one, and an object of policies by name where
// there are several. Notes are written as comments where the format has them.
func (s Stack) Render(f Format) ([]byte, error) {
	switch f {
	case JSON:
		return s.json(), nil
	case Terraform:
		return s.terraform(), nil
	case CloudFormation:
		return indented(s.template()), nil
	case CloudFormationYAML:
		return s.templateYAML(), nil
	case Command:
		return s.commands(), nil
	}
	c := &check{hint: "--format json, terraform, cloudformation, cloudformation-yaml or aws"}
	c.failf("%q is not a format", f)
	return nil, c.err("the policy")
}

func (s Stack) json() []byte {
	documents := s.Documents()
	if len(documents) == 1 {
		return documents[0].Policy.JSON()
	}
	var all object
	for _, d := range documents {
		all = append(all, member{d.Name, d.Policy.tree()})
	}
	return indented(all)
}
