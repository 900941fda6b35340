package main

import (
	"encoding/json"
	"log"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// Bits of a field, beside its number, JSON name and type.
const (
	isPointer   = 1
	omitEmpty   = 2
	omitZero    = 4
	isRepeated  = 8
	isMap       = 16
	isInline    = 32
	isFixedSize = 64
)

type table struct {
	Header header `json:"header"`
	// Every message type; a message field names its type by its place here.
	Messages []*message `json:"messages"`
	// apiVersion → kind → place in Messages. Kinds that protobuf cannot carry (meta.k8s.io Table) are missing.
	Kinds map[string]map[string]int `json:"kinds"`
}

type message struct {
	Name string `json:"name"`
	// A type that Go writes in its own way; it has no fields then.
	Special string `json:"special,omitempty"`
	// [number, JSON name, type, bits] in the order that Go writes them as JSON. Type: a letter for a scalar (s string,
	// b bool, i signed integer, d double, y bytes), a place in Messages otherwise.
	Fields [][4]any `json:"fields,omitempty"`
}

// Types with a JSON form of their own, by Go package and name.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                                  "Time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                             "MicroTime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                              "Raw",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                              "Quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                            "IntOrString",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                               "Raw",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                              "Raw",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":             "SchemaOrBool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":            "SchemaOrArray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray":      "SchemaOrStrings",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSON":                         "Raw",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaPropsOrBool":        "SchemaOrBool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaPropsOrArray":       "SchemaOrArray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSONSchemaPropsOrStringArray": "SchemaOrStrings",
}

type recorder struct {
	messages []*message
	places   map[reflect.Type]int
}

type protobufMessage interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

var (
	protobufType = reflect.TypeFor[protobufMessage]()
	jsonType     = reflect.TypeFor[json.Marshaler]()
)

func tableOf(scheme *runtime.Scheme) table {
	recorder := &recorder{places: map[reflect.Type]int{}}
	kinds := map[string]map[string]reflect.Type{}
	for gvk, goType := range scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal || !reflect.PointerTo(goType).Implements(protobufType) {
			continue
		}
		apiVersion := gvk.GroupVersion().String()
		if kinds[apiVersion] == nil {
			kinds[apiVersion] = map[string]reflect.Type{}
		}
		kinds[apiVersion][gvk.Kind] = goType
	}
	places := map[string]map[string]int{}
	for _, apiVersion := range sortedKeys(kinds) {
		places[apiVersion] = map[string]int{}
		for _, kind := range sortedKeys(kinds[apiVersion]) {
			places[apiVersion][kind] = recorder.place(kinds[apiVersion][kind])
		}
	}
	return table{Header: headerOf(), Messages: recorder.messages, Kinds: places}
}

// The place of a type's message, recorded when it is new.
func (r *recorder) place(goType reflect.Type) int {
	if place, known := r.places[goType]; known {
		return place
	}
	place := len(r.messages)
	entry := &message{Name: goType.PkgPath() + "." + goType.Name()}
	r.places[goType] = place
	r.messages = append(r.messages, entry)
	switch {
	case special[entry.Name] != "":
		entry.Special = special[entry.Name]
		if strings.HasPrefix(entry.Special, "Schema") {
			r.recordFields(entry, goType)
		}
	case goType.Kind() == reflect.Slice && goType.Elem().Kind() == reflect.String:
		// ExtraValue, Verbs: a message around a list of strings.
		entry.Special = "Strings"
	case reflect.PointerTo(goType).Implements(jsonType):
		log.Fatalf("%s writes its own JSON in a way that this program does not know", entry.Name)
	default:
		r.recordFields(entry, goType)
	}
	return place
}

func (r *recorder) recordFields(entry *message, goType reflect.Type) {
	for i := range goType.NumField() {
		field := goType.Field(i)
		tag, ok := field.Tag.Lookup("protobuf")
		if !ok {
			if name := field.Name; name != "TypeMeta" && field.Tag.Get("json") != "-" {
				log.Fatalf("%s.%s has no protobuf tag", entry.Name, name)
			}
			continue
		}
		if tag == "-" {
			continue
		}
		entry.Fields = append(entry.Fields, r.field(entry.Name+"."+field.Name, field, tag))
	}
}

func (r *recorder) field(where string, field reflect.StructField, tag string) [4]any {
	parts := strings.Split(tag, ",")
	number, err := strconv.Atoi(parts[1])
	if err != nil {
		log.Fatalf("%s: %v", where, err)
	}
	bits := 0
	name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	for _, option := range strings.Split(options, ",") {
		switch option {
		case "omitempty":
			bits |= omitEmpty
		case "omitzero":
			bits |= omitZero
		case "inline":
			bits |= isInline
		case "":
		default:
			log.Fatalf("%s: unknown JSON option %s", where, option)
		}
	}
	if field.Anonymous && name == "" {
		bits |= isInline
	}
	goType := field.Type
	if goType.Kind() == reflect.Pointer {
		bits |= isPointer
		goType = goType.Elem()
	}
	isMessage := reflect.PointerTo(goType).Implements(protobufType)
	switch {
	case isMessage:
	case goType.Kind() == reflect.Map:
		if goType.Key().Kind() != reflect.String {
			log.Fatalf("%s: a map's keys must be strings", where)
		}
		bits |= isMap
		goType = goType.Elem()
	case goType.Kind() == reflect.Slice && goType.Elem().Kind() != reflect.Uint8:
		bits |= isRepeated
		goType = goType.Elem()
	}
	return [4]any{number, name, r.typeOf(where, goType, &bits, parts[0]), bits}
}

func (r *recorder) typeOf(where string, goType reflect.Type, bits *int, wire string) any {
	if reflect.PointerTo(goType).Implements(protobufType) {
		return r.place(goType)
	}
	switch goType.Kind() {
	case reflect.String:
		return "s"
	case reflect.Bool:
		return "b"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if wire != "varint" && wire != "bytes" {
			log.Fatalf("%s: integers of wire type %s are unknown here", where, wire)
		}
		return "i"
	case reflect.Float64:
		*bits |= isFixedSize
		return "d"
	case reflect.Slice:
		if goType.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
	}
	log.Fatalf("%s: type %s is unknown here", where, goType)
	return nil
}
