package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
)

var months = map[string][12]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"ru": {"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"},
}

const nbsp = "\u00a0"

// Date writes the day of t in zone: "22 November 2026", "22 ноября 2026 г.", "2026年11月22日". The zero time is
// written as nothing.
func Date(locale string, zone *time.Location, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(zone)
	y, m, d := t.Date()
	switch locale {
	case "ru":
		return fmt.Sprintf("%d%s%s %d%sг.", d, nbsp, months["ru"][m-1], y, nbsp)
	case "zh":
		return fmt.Sprintf("%d年%d月%d日", y, m, d)
	}
	return fmt.Sprintf("%d%s%s %d", d, nbsp, months["en"][m-1], y)
}

var weekdays = map[string][7]string{
	"en": {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	"ru": {"воскресенье", "понедельник", "вторник", "среда", "четверг", "пятница", "суббота"},
	"zh": {"星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"},
}

// Weekday writes the day of the week of t in zone, as inside a sentence: "Tuesday", "вторник", "星期二".
func Weekday(locale string, zone *time.Location, t time.Time) string {
	names, ok := weekdays[locale]
	if !ok {
		names = weekdays["en"]
	}
	return names[t.In(zone).Weekday()]
}

// Clock writes the time of day of t in zone on the 24-hour clock, which all three languages use in public offices.
func Clock(zone *time.Location, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("15:04")
}

// DateTime writes day and time of t in zone: "22 November 2026, 14:05".
func DateTime(locale string, zone *time.Location, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	sep := ", "
	if locale == "zh" {
		sep = " "
	}
	return Date(locale, zone, t) + sep + Clock(zone, t)
}

// Day writes a calendar date given as YYYY-MM-DD, such as a birth date, which has no time zone. Anything else is
// returned as it came.
func Day(locale, day string) string {
	t, err := time.Parse("2006-01-02", day)
	if err != nil {
		return day
	}
	return Date(locale, time.UTC, t)
}

var currencySigns = map[string]string{"GBP": "£", "EUR": "€", "USD": "$", "CNY": "¥", "RUB": "₽", "JPY": "JP¥", "PLN": "zł"}

// Money writes an amount given in minor units of an ISO 4217 currency: £1,250.00 · 1 250,00 £ · £1,250.00.
func Money(locale string, minor int64, currency string) string {
	digits := kernel.MinorDigits(currency)
	sign := currencySigns[currency]
	minus := ""
	if minor < 0 {
		minus, minor = "−", -minor
	}
	whole := strconv.FormatInt(minor, 10)
	fraction := ""
	if digits > 0 {
		whole = fmt.Sprintf("%0*s", digits+1, whole)
		whole, fraction = whole[:len(whole)-digits], whole[len(whole)-digits:]
	}
	point, group := ".", ","
	if locale == "ru" {
		point, group = ",", nbsp
	}
	number := grouped(whole, group)
	if fraction != "" {
		number += point + fraction
	}
	switch {
	case sign == "":
		return minus + number + nbsp + currency
	case locale == "ru":
		return minus + number + nbsp + sign
	}
	return minus + sign + number
}

func grouped(whole, group string) string {
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(group)
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Bytes writes a file size for people: "34 KB", "34 КБ".
func Bytes(locale string, n int64) string {
	units := []string{"B", "KB", "MB", "GB"}
	if locale == "ru" {
		units = []string{"Б", "КБ", "МБ", "ГБ"}
	}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f /= 1000
		i++
	}
	s := strconv.FormatFloat(f, 'f', 1, 64)
	if i == 0 || f >= 10 {
		s = strconv.FormatFloat(f, 'f', 0, 64)
	}
	if locale == "ru" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s + nbsp + units[i]
}
