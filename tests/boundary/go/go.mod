module boundary

go 1.19

require github.com/libhexagent/libhexagent/bindings/go v0.0.0

replace github.com/libhexagent/libhexagent/bindings/go => ../../../bindings/go
