package web

import (
	"fmt"
	"html/template"
	"io"

	"github.com/pullpass/pullpass/internal/printable"
)

var dashboard = template.Must(template.ParseFS(templates, "page/layout.html", "page/dashboard.html"))

// Dashboard writes one page of the dashboard; page has the fields that the
// template names. Everything in it is text: html/template escapes what tenants
// chose.
func Dashboard(w io.Writer, page any) error {
	if err := dashboard.ExecuteTemplate(printable.NewWriter(w), "layout.html", page); err != nil {
		return fmt.Errorf("writing a page of the dashboard: %w", err)
	}
	return nil
}
