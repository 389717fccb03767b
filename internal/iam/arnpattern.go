package iam

import "strings"

// arnPattern is an ARN with wildcards, compared component by component.
type arnPattern struct {
	any, never bool
	parts      [5]pattern // partition, service, region, account, resource
}

// compileResource compiles a value of Resource or NotResource. Wildcards stay
// inside their component, the service is literal, variables count only after
// the fifth colon, and a short ARN is completed with wildcards.
func compileResource(text string, variables bool) arnPattern {
	if text != "" && strings.Trim(text, "*") == "" {
		return arnPattern{any: true}
	}
	parts := strings.SplitN(text, ":", 6)
	if parts[0] != "arn" || len(parts) < 3 {
		return arnPattern{never: true}
	}
	var p arnPattern
	for i := range p.parts {
		part := "*"
		if i+1 < len(parts) {
			part = parts[i+1]
		}
		p.parts[i] = compilePattern(part, patternOptions{
			wildcards: i != 1,
			variables: variables && i == 4,
		})
	}
	return p
}

// compileARN compiles a value of an ARN condition operator: all six components
// may hold wildcards and variables.
func compileARN(text string, variables bool) arnPattern {
	if text != "" && strings.Trim(text, "*") == "" {
		return arnPattern{any: true}
	}
	parts := splitOutsideVariables(text, variables)
	if len(parts) != 6 || parts[0] != "arn" {
		return arnPattern{never: true}
	}
	var p arnPattern
	for i := range p.parts {
		p.parts[i] = compilePattern(parts[i+1], patternOptions{wildcards: true, variables: variables})
	}
	return p
}

// splitOutsideVariables splits at the first five colons that do not belong to
// a variable's name.
func splitOutsideVariables(text string, variables bool) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text) && len(parts) < 5; {
		if variables && strings.HasPrefix(text[i:], "${") {
			_, size := compileVariable(text[i:])
			i += size
			continue
		}
		if text[i] == ':' {
			parts = append(parts, text[start:i])
			start = i + 1
		}
		i++
	}
	return append(parts, text[start:])
}

// splitARN is ParseARN for the hot path.
func splitARN(text string) (parts [5]string, ok bool) {
	if !strings.HasPrefix(text, "arn:") {
		return parts, false
	}
	rest := text[len("arn:"):]
	for i := range 4 {
		colon := strings.IndexByte(rest, ':')
		if colon < 0 {
			return parts, false
		}
		parts[i], rest = rest[:colon], rest[colon+1:]
	}
	parts[4] = rest
	return parts, true
}

func (p *arnPattern) match(parts *[5]string, isARN bool, ev *evaluation, w *work) bool {
	if p.any || p.never || !isARN {
		return p.any && w.spend(1)
	}
	for i := range p.parts {
		if !p.parts[i].match(parts[i], ev, w) {
			return false
		}
	}
	return true
}

// MatchResource reports whether a Resource value of a policy covers an ARN,
// without policy variables.
func MatchResource(pattern, arn string) bool {
	w := work(workLimit)
	p := compileResource(pattern, false)
	parts, isARN := splitARN(arn)
	return p.match(&parts, isARN, nil, &w) && w >= 0
}

// actionPattern is a value of Action or NotAction.
type actionPattern struct {
	any     bool
	service string // lower case
	name    pattern
}

func compileAction(text string) actionPattern {
	if text == "*" || text == "*:*" {
		return actionPattern{any: true}
	}
	service, name, found := strings.Cut(text, ":")
	// The service is never a pattern; without a colon there is no action.
	if !found || strings.ContainsAny(service, "*?") {
		service, name = "", ""
	}
	return actionPattern{
		service: strings.ToLower(service),
		name:    compilePattern(name, patternOptions{wildcards: true, fold: true}),
	}
}

func (p *actionPattern) match(service, name string, w *work) bool {
	if p.any {
		return w.spend(1)
	}
	if !w.spend(1) || !equalFold(p.service, service) {
		return false
	}
	switch p.name.shape {
	case anyPattern:
		return true
	case literalPattern:
		return equalFold(p.name.text, name)
	}
	return glob(p.name.text, name, true, w)
}

// MatchAction reports whether an Action value of a policy covers an action.
func MatchAction(pattern, action string) bool {
	w := work(workLimit)
	service, name, _ := strings.Cut(action, ":")
	p := compileAction(pattern)
	return service != "" && p.match(service, name, &w) && w >= 0
}
