"""Measure what reading digits costs on this machine: time, memory and heat."""
