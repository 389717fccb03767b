package web

import (
	"fmt"
	"html/template"
	"io"
)

var dashboard = template.Must(template.ParseFS(templates, "page/layout.html", "page/dashboard.html"))

// Dashboard writes one page of the dashboard; page has the fields that the
// template names. Everything in it is text: html/template escapes what tenants
// chose.
func Dashboard(w io.Writer, page any) error {
	if err := dashboard.ExecuteTemplate(w, "layout.html", page); err != nil {
		return fmt.Errorf("writing a page of the dashboard: %w", err)
	}
	return nil
}
