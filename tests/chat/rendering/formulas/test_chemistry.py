"""Reactions and quantities are written in TeX as a chemist would set them."""

from __future__ import annotations

import re

import pytest

from chat.rendering.formulas.chemistry import quantity, reaction
from chat.rendering.formulas.mathml import formula_html


def plain(tex: str) -> str:
    """TeX without the letters' uprightness and the spaces."""
    return re.sub(r"\\mathrm\{((?:[^{}])*)\}", r"\1", tex).replace(" ", "").replace("\\,", " ")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("H2O", "H_{2}O"),
        ("2H2 + O2 -> 2H2O", "2 H_{2}+O_{2}\\longrightarrow2 H_{2}O"),
        ("SO4^2-", "SO_{4}^{2-}"),
        ("CO3^{2-}", "CO_{3}^{2-}"),
        ("NH4+", "NH_{4}^{+}"),
        ("Na+ + Cl- -> NaCl v", "Na^{+}+Cl^{-}\\longrightarrowNaCl{\\downarrow}"),
        ("CO2 ^", "CO_{2}{\\uparrow}"),
        ("(NH4)2SO4", "(NH_{4})_{2}SO_{4}"),
        ("[Cu(NH3)4]^2+", "[Cu(NH_{3})_{4}]^{2+}"),
        ("^{14}_{6}C", "{}^{14}_{6}C"),
        ("^14_6C", "{}^{14}_{6}C"),
        ("CuSO4.5H2O", "CuSO_{4}\\cdot5 H_{2}O"),
        ("CuSO4 * 5H2O", "CuSO_{4}\\cdot5 H_{2}O"),
        ("CH3-CH=CH-C#N", "CH_{3}{-}CH{=}CH{-}C{\\equiv}N"),
        ("1/2 O2", "\\tfrac{1}{2} O_{2}"),
        ("Fe^{III}", "Fe^{III}"),
        ("NaCl(aq)", "NaCl(aq)"),
        ("A <=> B", "A\\rightleftharpoonsB"),
        ("A <- B <-> C", "A\\longleftarrowB\\longleftrightarrowC"),
        ("A ->[H2SO4][\\Delta] B", "A\\xrightarrow[{\\Delta}]{H_{2}SO_{4}}B"),
        ("e-", "e^{-}"),
    ],
)
def test_reactions(source: str, written: str) -> None:
    assert plain(reaction(source)) == written
    assert "<math" in formula_html(f"\\ce{{{source}}}", True)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("9.81 m/s2", "9.81 m/s^{2}"),
        ("1.2e-3 mol L-1", "1.2\\times10^{-3} mol L^{-1}"),
        ("10 kJ*mol^-1", "10 kJ mol^{-1}"),
        ("25 °C", "25 °C"),
        ("50 %", "50 \\%"),
        ("m/s", "m/s"),
        ("42", "42"),
    ],
)
def test_quantities(source: str, written: str) -> None:
    assert plain(quantity(source)) == written
    assert "<math" in formula_html(f"\\pu{{{source}}}", True)


def test_a_number_and_its_unit_may_come_apart() -> None:
    assert formula_html("\\SI{3}{kg}", True) == formula_html("\\pu{3 kg}", True)
