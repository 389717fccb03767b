package sandbox

func (b *Sandbox) iamService() *service {
	return &service{
		name:       "iam",
		protocol:   queryProtocol{namespace: "https://iam.amazonaws.com/doc/2010-05-08/", version: "2010-05-08"},
		operations: map[string]operation{},
	}
}
