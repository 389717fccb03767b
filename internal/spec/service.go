package spec

// Service is one container that a repository asks for.
type Service struct {
	Name        string            `json:"name"`
	Image       string            `json:"image,omitempty"` // what is started; with Build, the name that the product gets
	Build       *Build            `json:"build,omitempty"` // nil: Image is pulled
	Platform    string            `json:"platform,omitempty"`
	Entrypoint  []string          `json:"entrypoint,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
	User        string            `json:"user,omitempty"`
	WorkingDir  string            `json:"working_dir,omitempty"`
	DependsOn   []string          `json:"depends_on,omitempty"`
	Needed      bool              `json:"needed"` // false: only when its profile is enabled
	Position
}

// stay makes a service wait for people instead of running its image's own command,
// which for images of tools ends at once. A signal ends it.
func (s *Service) stay() {
	s.Entrypoint = []string{"/bin/sh"}
	s.Command = []string{"-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"}
}

// Build is how an image of the repository is made. Paths are relative to its root.
type Build struct {
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile,omitempty"`
	Inline     string            `json:"inline,omitempty"` // the text of a Dockerfile that is not a file
	Target     string            `json:"target,omitempty"` // "": the last stage
	Args       map[string]string `json:"args,omitempty"`
	Contexts   map[string]string `json:"contexts,omitempty"` // named contexts, as written: docker-image://…, service:…, a path
	Platform   string            `json:"platform,omitempty"`

	at Position // where the build is asked for
}
