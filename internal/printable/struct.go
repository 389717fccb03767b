package printable

import "reflect"

// Struct makes Text of every string that the value behind pointer holds, in
// fields, slices, arrays and maps at any depth, each of limit bytes at most: a field
// that is added later is covered as well. Unexported fields stay as they are.
func Struct(pointer any, limit int) {
	v := reflect.ValueOf(pointer)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic("printable: Struct wants a pointer") // a mistake of the programmer
	}
	tidy(v.Elem(), limit)
}

func tidy(v reflect.Value, limit int) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(Text(v.String(), limit))
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Kind() == reflect.Pointer {
			tidy(v.Elem(), limit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				tidy(v.Field(i), limit)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // bytes are no text
		}
		for i := range v.Len() {
			tidy(v.Index(i), limit)
		}
	case reflect.Map:
		tidyMap(v, limit)
	}
}

func tidyMap(v reflect.Value, limit int) {
	for _, key := range v.MapKeys() {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		tidy(value, limit)
		fresh := reflect.New(v.Type().Key()).Elem()
		fresh.Set(key)
		tidy(fresh, limit)
		v.SetMapIndex(key, reflect.Value{})
		v.SetMapIndex(fresh, value)
	}
}
