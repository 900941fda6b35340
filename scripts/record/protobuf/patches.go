package main

import (
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// A patch applied to a document, as the library of kube-apiserver does it.
type patched struct {
	Document string `json:"document"`
	Patch    string `json:"patch"`
	Result   string `json:"result,omitempty"`
	Error    string `json:"error,omitempty"`
}

const patchDocument = `{"a":{"b":[1,2,{"c":"d"}],"n":null,"e~/f":1},"l":[],"s":"x","o":{}}`

var jsonPatches = []string{
	`[]`, `[{"op":"add","path":"/x","value":1}]`, `[{"op":"add","path":"/a/b/0","value":0}]`, `[{"op":"add","path":"/a/b/-","value":9}]`,
	`[{"op":"add","path":"/a/b/3","value":9}]`, `[{"op":"add","path":"/a/b/4","value":9}]`, `[{"op":"add","path":"/a/b/-1","value":9}]`, `[{"op":"add","path":"/a/b/-5","value":9}]`,
	`[{"op":"add","path":"/a/b/x","value":9}]`, `[{"op":"add","path":"/a/b/01","value":9}]`, `[{"op":"add","path":"/q/r","value":1}]`, `[{"op":"add","path":"","value":{}}]`,
	`[{"op":"add","path":"x","value":1}]`, `[{"op":"add","path":"x/y","value":1}]`, `[{"op":"add","path":"/x"}]`, `[{"op":"add","value":1}]`, `[{"op":"add","path":"/a/n/x","value":1}]`, `[{"op":"add","path":"/s/x","value":1}]`,
	`[{"op":"remove","path":"/a"}]`, `[{"op":"remove","path":"/z"}]`, `[{"op":"remove","path":"/a/b/0"}]`, `[{"op":"remove","path":"/a/b/-1"}]`, `[{"op":"remove","path":"/a/b/3"}]`, `[{"op":"remove","path":"/a/b/y"}]`, `[{"op":"remove","path":"/z/y"}]`, `[{"op":"remove","path":""}]`, `[{"op":"remove","path":"/a/n"}]`, `[{"op":"remove"}]`,
	`[{"op":"replace","path":"/s","value":"y"}]`, `[{"op":"replace","path":"/new","value":"y"}]`, `[{"op":"replace","path":"/a/b/0","value":7}]`, `[{"op":"replace","path":"/a/b/3","value":7}]`, `[{"op":"replace","path":"/a/b/-1","value":7}]`, `[{"op":"replace","path":"/z/y","value":7}]`, `[{"op":"replace","path":"","value":{"r":1}}]`, `[{"op":"replace","path":"","value":5}]`, `[{"op":"replace","path":"/a/b/-","value":7}]`, `[{"op":"replace"}]`,
	`[{"op":"move","from":"/s","path":"/t"}]`, `[{"op":"move","from":"/a/b/0","path":"/a/b/2"}]`, `[{"op":"move","from":"/a","path":"/a/b"}]`, `[{"op":"move","from":"/z","path":"/t"}]`, `[{"op":"move","path":"/t"}]`, `[{"op":"move","from":"/s","path":"/z/y"}]`, `[{"op":"move","from":"/q/r","path":"/t"}]`, `[{"op":"move","from":"/s"}]`, `[{"op":"move","from":"/a/b/9","path":"/t"}]`,
	`[{"op":"copy","from":"/a","path":"/c"},{"op":"add","path":"/c/b/0","value":"new"},{"op":"remove","path":"/a/b/1"}]`, `[{"op":"copy","from":"/z","path":"/c"}]`, `[{"op":"copy","from":"/z/y","path":"/c"}]`, `[{"op":"copy","from":"/s","path":"/z/y"}]`, `[{"op":"copy","from":"/s","path":"/l/-"},{"op":"copy","from":"/l","path":"/l/-"}]`, `[{"op":"copy","path":"/c"}]`, `[{"op":"copy","from":"/a/b/9","path":"/c"}]`, `[{"op":"copy","from":"/a","path":"/a/o"}]`,
	`[{"op":"test","path":"/s","value":"x"}]`, `[{"op":"test","path":"/s","value":"y"}]`, `[{"op":"test","path":"/z","value":null}]`, `[{"op":"test","path":"/z"}]`, `[{"op":"test","path":"/z","value":1}]`, `[{"op":"test","path":"/a/n","value":null}]`, `[{"op":"test","path":"/a/b/2","value":{"c":"d"}}]`, `[{"op":"test","path":"/a/b/9","value":1}]`, `[{"op":"test","path":"/q/r","value":1}]`, `[{"op":"test","path":"","value":{}}]`, `[{"op":"test","path":"/a/e~0~1f","value":1}]`, `[{"op":"test","path":"/o","value":{}}]`, `[{"op":"test","path":"/o","value":[]}]`, `[{"op":"test"}]`,
	`[{"op":"fly","path":"/s"}]`, `[{"path":"/s"}]`, `[{"op":"add","path":"/__proto__","value":{"x":1}}]`, `[{"op":"add","path":"/x","value":{"y":{}}},{"op":"add","path":"/x/y/z","value":[1]},{"op":"add","path":"/x/y/z/0","value":0}]`, `[{"op":"remove","path":"/s"},{"op":"test","path":"/s","value":"x"}]`,
}

var mergePatches = []string{
	`{}`, `{"s":null}`, `{"s":"y","new":{"a":null,"b":1}}`, `{"a":{"b":[{"x":null,"y":1},null]}}`, `{"a":null,"z":null}`, `{"a":5}`, `{"s":{"t":{"u":null}}}`, `{"o":[1]}`, `{"a":{"n":{"x":null}}}`, `{"l":{"a":1,"b":null}}`, `{"__proto__":{"x":1}}`, `{"a":{"b":{"c":null}}}`, `{"o":[{"x":null}]}`, `{"l":[{"x":null}]}`,
}

func jsonPatched() []patched {
	var found []patched
	for _, text := range jsonPatches {
		entry := patched{Document: patchDocument, Patch: text}
		patch, err := jsonpatch.DecodePatch([]byte(text))
		if err == nil {
			var result []byte
			result, err = patch.Apply([]byte(patchDocument))
			entry.Result = string(result)
		}
		if err != nil {
			entry.Error = err.Error()
		}
		found = append(found, entry)
	}
	return found
}

func mergePatched() []patched {
	var found []patched
	for _, text := range mergePatches {
		entry := patched{Document: patchDocument, Patch: text}
		result, err := jsonpatch.MergePatch([]byte(patchDocument), []byte(text))
		entry.Result = string(result)
		if err != nil {
			entry.Error = err.Error()
		}
		found = append(found, entry)
	}
	return found
}
