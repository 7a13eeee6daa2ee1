package hexagent

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

type fieldFacts struct {
	Name   string
	Offset uintptr
	Type   string
	Count  uintptr
}

type recordFacts struct {
	Size   uintptr
	Fields []fieldFacts
}

var sizes = map[string]uintptr{"uint8_t": 1, "char": 1, "int32_t": 4, "uint32_t": 4,
	"hexagent_status": 4, "int64_t": 8, "uint64_t": 8, "double": 8, "pointer": 8}

func TestRecordsAreLaidOutAsInC(t *testing.T) {
	text, err := os.ReadFile("../layout.json")
	if err != nil {
		t.Fatal(err)
	}
	var layouts map[string]recordFacts
	if err := json.Unmarshal(text, &layouts); err != nil {
		t.Fatal(err)
	}
	if len(layouts) != len(recordsByName) {
		t.Fatalf("%d records in layout.json, %d here", len(layouts), len(recordsByName))
	}
	for name, facts := range layouts {
		record := reflect.TypeOf(recordsByName[name])
		if record == nil || record.Size() != facts.Size || record.NumField() != len(facts.Fields) {
			t.Errorf("%s: %v is not of %d bytes and %d fields", name, record, facts.Size, len(facts.Fields))
			continue
		}
		for i, fact := range facts.Fields {
			checkField(t, name, record.Field(i), fact)
		}
	}
}

func checkField(t *testing.T, record string, field reflect.StructField, fact fieldFacts) {
	count := fact.Count
	if count == 0 {
		count = 1
	}
	if field.Offset != fact.Offset || field.Type.Size() != sizes[fact.Type]*count {
		t.Errorf("%s.%s is at %d with %d bytes", record, fact.Name, field.Offset, field.Type.Size())
	}
	plain := strings.ReplaceAll(fact.Name, "_", "")
	if field.Name != "_" && !strings.EqualFold(field.Name, plain) {
		t.Errorf("%s.%s is called %s", record, fact.Name, field.Name)
	}
}
