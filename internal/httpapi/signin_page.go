package httpapi

import (
	"html/template"
	"net/http"

	"github.com/pullpass/pullpass/internal/printable"
)

// signInPage is a page of a sign-in, with fixed words.
type signInPage struct {
	Title string
	Text  []string
	Form  bool
}

// show writes a page. There is no form-action in its policy: browsers apply it to
// where a form's answer leads, too, and that is the provider.
func show(w http.ResponseWriter, status int, p signInPage) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_ = signInTemplate.Execute(printable.NewWriter(w), p) // the person has gone: nothing to do
	return nil
}

var signInTemplate = template.Must(template.New("sign-in").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Pullpass: {{.Title}}</title><link rel="stylesheet" href="/static/pullpass.css"></head>
<body><main>
<h1>{{.Title}}</h1>
{{range .Text}}{{if .}}<p>{{.}}</p>
{{end}}{{end}}{{if .Form}}<form method="post" action="/device">
<p><label for="code">Type the code that your own terminal shows. If somebody else gave it to you, stop: they would act as you.</label></p>
<p><input id="code" name="code" required autofocus autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16" size="12" placeholder="BCDF-GHJK"> <button>Continue</button></p>
</form>
{{end}}</main></body></html>
`))
