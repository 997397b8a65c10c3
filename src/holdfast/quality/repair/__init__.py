"""Repair of tables without labels: which cells are wrong, what they should be, by which rule, and how sure that is.

What is published, and what is done here
----------------------------------------
- *Detection and repair with a few labels.* Raha (Mahdavi et al., SIGMOD 2019) clusters the verdicts of many detectors,
  Baran (Mahdavi & Abedjan, PVLDB 2020) ranks candidates of value, vicinity and domain models; both ask a person for
  about 20 labelled rows. Here nobody is asked: the same kinds of evidence are weighed by fixed, written-down odds.
- *Probabilistic repair.* HoloClean (Rekatsinas et al., PVLDB 2017) infers cells from given denial constraints and
  co-occurrence. Here dependencies are found (Kivinen & Mannila's g3 of 1995, corrected for chance, robust to typing
  errors, with lawful exceptions told from errors), and each cell's odds are the product of its determinants' votes and
  a noisy channel (`dependencies`); the error rate of a column is fitted by expectation and maximisation.
- *Who is wrong, and how sure.* A fill is as sure as the lower bound (Wilson 1927, shared among the sets of columns
  tried) of how often left-out cells of groups as large are told rightly (`_support`); two cells that accuse each other
  are rivals, decided by the rest of their rows (a mixture fitted by EM, `_witness`) or both told (`_rivals`).
- *Typing errors.* Damerau's distance (1964) and the noisy channel of Kernighan, Church and Gale (1990), with the chance
  that two right values are near each other estimated from the column itself (`typos`).
- *Truth discovery.* TruthFinder (Yin, Han & Yu, 2008) and ACCU with copy detection (Dong, Berti-Equille & Srivastava,
  2009); things and sources are told from the data (`sources`).
- *Duplicates.* Fellegi and Sunter (1969) on blocks (`duplicates`): told, never deleted.
- *Units.* Tukey's fences (1977), gaps, and factors that bring a group of numbers back among the others (`outliers`);
  numbers that the tail lets expect (Hill 1975), or that are far in logarithms only, are not told (`_tails`).
- *Writing in one way*: blanks and encodings, words for "no value", dates, spans of time, numbers, codes, spellings.
- *Misplaced values*: glued to a neighbour's, or in each other's column (`moved`).

One rule family is one file. No rule knows a name or a value of any data set. Confidences are meant as probabilities:
0.7 is the bar that the repairs of `bench/repair.py` are measured at.
"""

from holdfast.quality.repair._plan import Change, Duplicates, RepairPlan, Suspect
from holdfast.quality.repair.planner import plan_repairs

__all__ = ["Change", "Duplicates", "RepairPlan", "Suspect", "plan_repairs"]
