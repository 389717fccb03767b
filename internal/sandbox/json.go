package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	ecrTarget   = "AmazonEC2ContainerRegistry_V20150921."
	amzJSONType = "application/x-amz-json-1.1"
)

// jsonProtocol is AWS JSON 1.1, which ECR speaks.
type jsonProtocol struct{ target string } // what its operations begin with

func (p jsonProtocol) read(c *call) *apiError {
	operation, ok := strings.CutPrefix(c.request.Header.Get("X-Amz-Target"), p.target)
	if !ok || c.request.Method != http.MethodPost {
		return badRequest("UnknownOperationException", "The sandbox does not know this operation.")
	}
	c.operation = operation
	return nil
}

func (p jsonProtocol) answer(w http.ResponseWriter, c *call, result any) {
	text, err := json.Marshal(result)
	if err != nil {
		c.box.log.ErrorContext(c.ctx, "cannot write an answer", "operation", c.operation, "error", err)
		p.refuse(
			w,
			c,
			apiErrorf(http.StatusInternalServerError, "ServerException", "The sandbox could not write its answer."),
		)
		return
	}
	w.Header().Set("Content-Type", amzJSONType)
	_, _ = w.Write(text) // the caller is gone when this fails
}

func (jsonProtocol) refuse(w http.ResponseWriter, _ *call, err *apiError) {
	status := err.status
	// ECR answers client errors of every kind with 400.
	if status >= 400 && status < 500 {
		status = http.StatusBadRequest
	}
	text, _ := json.Marshal(
		map[string]string{"__type": err.jsonName(), "message": err.message},
	) // plain strings always marshal
	w.Header().Set("Content-Type", amzJSONType)
	w.Header().Set("X-Amzn-Errortype", err.jsonName())
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// decode reads the parameters of a JSON call. Unknown members are refused: a
// client that sends them expects something of them that would not happen.
func (c *call) decode(into any) *apiError {
	body := bytes.TrimSpace(c.body)
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest(
			"SerializationException",
			"The request cannot be read: it is not JSON, or it has a member that the sandbox does not know.",
		)
	}
	return nil
}

// epoch is a timestamp of the JSON protocol: seconds with a fraction.
type epoch time.Time

// MarshalJSON writes 1700000000.123.
func (t epoch) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(time.Time(t).UnixMilli())/1000, 'f', 3, 64)), nil
}
