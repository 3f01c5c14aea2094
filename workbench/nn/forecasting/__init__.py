"""What forecasting is made of besides networks: error measures, simple methods to compare with, conformal intervals."""
