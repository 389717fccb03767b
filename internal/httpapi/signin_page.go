package httpapi

import (
	"html/template"
	"net/http"

	"github.com/pullpass/pullpass/internal/printable"
)

// signInPage is a page of a sign-in, with fixed words.
type signInPage struct {
	Title   string
	Text    []string
	Form    bool     // for the code of a device
	Consent *consent // the question who asks
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
{{end}}{{with .Consent}}<dl>{{range .Facts}}<dt>{{.Name}}</dt><dd>{{.Value}}</dd>{{end}}</dl>
<p>It asks to act as you. Your own terminal shows this word: <strong>{{.Word}}</strong></p>
<p>If you did not run <code>pullpass login</code> just now, or your terminal shows another word or none, close this page: somebody else would act as you.</p>
<form method="post" action="{{.Action}}">
{{range .Hidden}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<p><button>My terminal shows this word: continue</button></p>
</form>
{{end}}</main></body></html>
`))
