package api

// Download is one binary that the server gives out.
type Download struct {
	Name   string `json:"name" example:"pullpass"`
	OS     string `json:"os" example:"linux"`
	Arch   string `json:"arch" example:"amd64"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Path   string `json:"path" doc:"Where to get it; add .sha256 for a line that sha256sum -c reads."`
}
