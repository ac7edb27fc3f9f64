using NUnit.Framework;
using Vsockspec.Perf.Reports;

namespace Vsockspec.Perf.Tests.Reports;

public sealed class ParameterTests
{
    [TestCase("65536", "64 KiB")]
    [TestCase("65536-flows8-window65536-queue128-no-event-idx", "64 KiB, 8 flows, window 64 KiB, queue 128, no event index")]
    [TestCase("64-load80", "64 B, 80 % load")]
    [TestCase("flows64", "64 flows")]
    [TestCase("no-buffers", "no buffers")]
    [TestCase("", "")]
    public void Label_OfAParameter_IsForPeople(string text, string label) => Assert.That(Parameter.Parse(text).Label.Replace(Numbers.Blank, " ", StringComparison.Ordinal), Is.EqualTo(label));

    [TestCase(0.0004, "4.00e-4")]
    [TestCase(0.367, "0.367")]
    [TestCase(9.999, "10")]
    [TestCase(12.34, "12.3")]
    [TestCase(-3143.4, "−3,143")]
    [TestCase(12345678.0, "1.23e+7")]
    [TestCase(0.0, "0")]
    [TestCase(double.NaN, "–")]
    [TestCase(double.NegativeInfinity, "−∞")]
    public void Show_OfANumber_HasThreeDigitsThatCount(double value, string text) => Assert.That(Numbers.Show(value), Is.EqualTo(text));
}
