package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Environment is wanted and actual state.
type Environment struct {
	ID         pullpass.EnvironmentID        `json:"id"`
	Project    pullpass.ProjectID            `json:"project"`
	Runner     pullpass.RunnerID             `json:"runner"`
	Name       string                        `json:"name"`
	Services   []pullpass.Service            `json:"services" nullable:"false"`
	Wanted     pullpass.Wanted               `json:"wanted" enum:"running,stopped,deleted"`
	Phase      pullpass.Phase                `json:"phase" enum:"creating,starting,running,stopping,stopped,failed,deleting,deleted"`
	Conditions []pullpass.Condition          `json:"conditions" nullable:"false"`
	Status     []pullpass.ServiceStatus      `json:"status" nullable:"false"`
	Registries []pullpass.RegistryGeneration `json:"registries" nullable:"false" doc:"What it was started with. Told of one environment; empty in lists."`
	Ref        string                        `json:"ref,omitempty" doc:"The branch or tag of the project's repository."`
	Commit     string                        `json:"commit,omitempty" doc:"What the server found it to point to at creation."`
	Start      int64                         `json:"start" doc:"Counts the starts."`
	Revision   int64                         `json:"revision" doc:"Grows with every change; wait for the next with ?after=."`
	CreatedAt  time.Time                     `json:"created_at"`
	UpdatedAt  time.Time                     `json:"updated_at"`
}

// NewEnvironment asks for an environment.
type NewEnvironment struct {
	Project  pullpass.ProjectID `json:"project"`
	Runner   pullpass.RunnerID  `json:"runner,omitempty" doc:"Leave out where only one runner is active."`
	Name     string             `json:"name" minLength:"1" maxLength:"127" example:"ada-payments"`
	Ref      string             `json:"ref,omitempty" maxLength:"255" doc:"A branch or tag of the project's repository; the server looks up its commit. Its default branch if left out and the repository is proved."`
	Services []NewService       `json:"services" minItems:"1" maxItems:"100" nullable:"false"`
}

// NewService asks for one container of an environment.
type NewService struct {
	Name       string            `json:"name"`
	Image      string            `json:"image"`
	Command    []string          `json:"command,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty" doc:"Instead of the image's own."`
	User       string            `json:"user,omitempty" maxLength:"127" doc:"Instead of the image's own: a name or id, with :group."`
	WorkingDir string            `json:"working_dir,omitempty" maxLength:"1023" doc:"Instead of the image's own; absolute."`
	DependsOn  []string          `json:"depends_on,omitempty" maxItems:"100" doc:"Services of this environment that are started first."`
	Env        map[string]string `json:"env,omitempty" doc:"Variables. Their values are sealed, and shown to those who may create environments there."`
}

// FromService is what is asked for to get a service like s.
func FromService(s pullpass.Service) NewService {
	return NewService{
		Name: s.Name, Image: s.Image, Command: s.Command, Env: s.Env,
		Entrypoint: s.Entrypoint, User: s.User, WorkingDir: s.WorkingDir, DependsOn: s.DependsOn,
	}
}

// Service is what is asked for.
func (s NewService) Service() pullpass.Service {
	return pullpass.Service{
		Name: s.Name, Image: s.Image, Command: s.Command, Env: s.Env,
		Entrypoint: s.Entrypoint, User: s.User, WorkingDir: s.WorkingDir, DependsOn: s.DependsOn,
	}
}

// Output is the end of what a service has printed, at most 64 KiB.
type Output struct {
	Service string `json:"service"`
	Offset  int64  `json:"offset" doc:"Bytes printed before Data."`
	Data    []byte `json:"data" doc:"base64"`
}
