package sandbox

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// queryProtocol is the form POST with an XML answer that STS and IAM speak.
type queryProtocol struct {
	namespace string
	version   string
}

func (p queryProtocol) read(c *call) *apiError {
	c.form = c.request.URL.Query()
	if c.request.Method == http.MethodPost {
		form, err := url.ParseQuery(string(c.body))
		if err != nil {
			return badRequest("MalformedInput", "The request body is not a form.")
		}
		for name, values := range form {
			c.form[name] = append(c.form[name], values...)
		}
	}
	c.operation = c.form.Get("Action")
	if c.operation == "" {
		return badRequest("MissingAction", "The request does not contain an Action.")
	}
	if v := c.form.Get("Version"); v != "" && v != p.version {
		return badRequest("InvalidAction", "Could not find operation %s for version %s", printable(c.operation), printable(v))
	}
	return nil
}

func (p queryProtocol) answer(w http.ResponseWriter, c *call, result any) {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	outer := xml.StartElement{
		Name: xml.Name{Local: c.operation + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: p.namespace}},
	}
	err := e.EncodeToken(outer)
	if err == nil && result != nil {
		err = e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: c.operation + "Result"}})
	}
	if err == nil {
		err = e.EncodeElement(responseMetadata{c.requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	}
	if err == nil {
		err = e.EncodeToken(outer.End())
	}
	if err == nil {
		err = e.Flush()
	}
	if err != nil {
		c.box.log.ErrorContext(c.ctx, "cannot write an answer", "operation", c.operation, "error", err)
		p.refuse(
			w,
			c,
			apiErrorf(http.StatusInternalServerError, "InternalFailure", "The sandbox could not write its answer."),
		)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(b.Bytes()) // the caller is gone when this fails
}

func (p queryProtocol) refuse(w http.ResponseWriter, c *call, err *apiError) {
	kind := "Sender"
	if err.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	text, _ := xml.Marshal(queryError{ // plain strings always marshal
		Namespace: p.namespace,
		Error:     queryErrorDetail{Type: kind, Code: err.code, Message: err.message},
		RequestID: c.requestID,
	})
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(err.status)
	_, _ = w.Write(text)
}

type responseMetadata struct {
	RequestID string `xml:"RequestId"`
}

type queryError struct {
	XMLName   xml.Name         `xml:"ErrorResponse"`
	Namespace string           `xml:"xmlns,attr"`
	Error     queryErrorDetail `xml:"Error"`
	RequestID string           `xml:"RequestId"`
}

type queryErrorDetail struct {
	Type    string
	Code    string
	Message string
}

// members is a list in the query protocol: its element is there even when empty.
type members[T any] []T

// MarshalXML writes <member> elements.
func (m members[T]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, v := range m {
		if err := e.EncodeElement(v, xml.StartElement{Name: xml.Name{Local: "member"}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// isoTime is a timestamp in the query protocol; the zero time is left out.
type isoTime time.Time

// MarshalXML writes 2006-01-02T15:04:05Z.
func (t isoTime) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if time.Time(t).IsZero() {
		return nil
	}
	return e.EncodeElement(time.Time(t).UTC().Format("2006-01-02T15:04:05Z"), start)
}

// list reads Name.member.1, Name.member.2, …
func (c *call) list(name string) []string {
	var values []string
	for i := 1; ; i++ {
		key := name + ".member." + strconv.Itoa(i)
		if !c.form.Has(key) {
			return values
		}
		values = append(values, c.form.Get(key))
	}
}

// structs reads Name.member.1.Field, … and stops at the first index without any.
func (c *call) structs(name string) []map[string]string {
	var list []map[string]string
	for i := 1; ; i++ {
		prefix := name + ".member." + strconv.Itoa(i) + "."
		fields := map[string]string{}
		for key := range c.form {
			if field, ok := strings.CutPrefix(key, prefix); ok {
				fields[field] = c.form.Get(key)
			}
		}
		if len(fields) == 0 {
			return list
		}
		list = append(list, fields)
	}
}

// seconds reads a duration parameter.
func (c *call) seconds(name string, standard time.Duration) (time.Duration, *apiError) {
	text := c.form.Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, errValidation(
			"Value at '%s' failed to satisfy constraint: Member must be a number of seconds",
			lowerFirst(name),
		)
	}
	return time.Duration(n) * time.Second, nil
}

func lowerFirst(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}
