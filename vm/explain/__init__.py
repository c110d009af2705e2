"""Why a program was refused, for people: category, what was proven, what was needed, and the steps that led there."""
